//! Notifications on Windows and macOS, by Tauri's plugin. There a notification that was shown cannot be taken back; a choice that
//! comes after the call is refused by the phone.

use crate::ringing::{Choice, Chosen, Order};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tauri::{AppHandle, Runtime};
use tauri_plugin_notification::{Action, ActionType, NotificationExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const RINGING: &str = "ringing";
const ANSWER: &str = "answer";
const DECLINE: &str = "decline";

/// Starts showing. Ends when the orders do.
pub fn start<R: Runtime>(app: &AppHandle<R>) -> (UnboundedSender<Order>, UnboundedReceiver<Chosen>) {
    let (orders, mut ordered) = unbounded_channel();
    let (chosen, choices) = unbounded_channel();
    let shown: Arc<Mutex<HashMap<i32, String>>> = Arc::default();
    let known = shown.clone();
    let handler = move |performed: &tauri_plugin_notification::ActionPerformed| {
        let choice = match performed.action_id() {
            ANSWER => Choice::Answer,
            DECLINE => Choice::Decline,
            "tap" => Choice::Show,
            _ => return,
        };
        let call = performed
            .notification()
            .and_then(|n| known.lock().unwrap_or_else(PoisonError::into_inner).get(&n.id()).cloned());
        if let Some(call) = call {
            let _ = chosen.send(Chosen { call, choice });
        }
    };
    if let Err(e) = app.notification().on_action(handler) {
        tracing::debug!("no actions on notifications: {e}");
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let mut last = 0;
        while let Some(order) = ordered.recv().await {
            match order {
                Order::Show(notice) => {
                    last += 1;
                    shown.lock().unwrap_or_else(PoisonError::into_inner).insert(last, notice.call);
                    let buttons = [(ANSWER, notice.answer), (DECLINE, notice.decline)];
                    let buttons = buttons.map(|(id, label)| Action::builder(id, label).build());
                    let buttons = ActionType::builder(RINGING).actions(buttons.to_vec()).build();
                    let notification = app.notification();
                    let shown = notification.register_action_types(vec![buttons]).and_then(|()| {
                        let builder = notification.builder().id(last).action_type_id(RINGING);
                        builder.title(notice.title).body(notice.body).show()
                    });
                    if let Err(e) = shown {
                        tracing::debug!("no notification: {e}");
                    }
                }
                Order::Close(call) => {
                    let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                    let ids: Vec<i32> = shown.iter().filter(|(_, c)| **c == call).map(|(id, _)| *id).collect();
                    shown.retain(|_, c| *c != call);
                    drop(shown);
                    let _ = app.notification().remove_active(ids);
                }
            }
        }
    });
    (orders, choices)
}
