//! What the window needs of the system, for any runtime: so that it is tested without a display.

use cuffia_api::{ApiError, CallState, Change, Engine, Message, dispatch};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use tauri::ipc::Channel;
use tauri::utils::config::AppDirectoriesOverride;
use tauri::{
    AppHandle, Builder, Context, Manager, Runtime, State, UserAttentionType, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder,
};
use tauri_plugin_notification::NotificationExt;
use tokio::sync::broadcast::error::RecvError;

/// The one command: the table decides what it means.
#[tauri::command]
async fn rpc(engine: State<'_, Engine>, command: String, arguments: Value) -> Result<Value, ApiError> {
    dispatch(&engine, &command, arguments).await
}

/// Sends everything the engine says from now on: numbered events and levels, over one channel.
#[tauri::command]
async fn follow(engine: State<'_, Engine>, to: Channel<Message>) -> Result<(), ApiError> {
    let mut messages = engine.messages();
    tauri::async_runtime::spawn(async move {
        loop {
            match messages.recv().await {
                Ok(message) => {
                    if to.send(message).is_err() {
                        return;
                    }
                }
                // The page sees the gap in the numbers and takes a new snapshot.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    Ok(())
}

/// Configuration, with all that the web view keeps inside the data folder.
pub fn context<R: Runtime>(data: &Path) -> Context<R> {
    let mut context = tauri::generate_context!();
    context.config_mut().app.app_directories_override = Some(AppDirectoriesOverride::Root(data.join("window")));
    context
}

/// Adds the command, the state and the window.
pub fn build<R: Runtime>(builder: Builder<R>, engine: Engine) -> Builder<R> {
    builder
        .plugin(tauri_plugin_notification::init())
        .manage(engine.clone())
        .invoke_handler(tauri::generate_handler![rpc, follow])
        .setup(move |app| {
            let window = match app.config().app.windows.first().cloned() {
                Some(config) => WebviewWindowBuilder::from_config(app.handle(), &config)?.build()?,
                None => WebviewWindowBuilder::new(app, "main", WebviewUrl::default()).build()?,
            };
            paint_by_processor(&window)?;
            // The main thread is not inside the runtime; Tauri knows its handle.
            tauri::async_runtime::spawn(attend(app.handle().clone(), engine));
            Ok(())
        })
}

/// The page is a form that mostly stands still: painted without the graphics processor, WebKitGTK takes a hundred megabytes less, and
/// where there is only an emulated one, a fraction of the processor's time.
#[cfg(target_os = "linux")]
fn paint_by_processor<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};
    window.with_webview(|view| {
        if let Some(settings) = WebViewExt::settings(&view.inner()) {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn paint_by_processor<R: Runtime>(_: &WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}

/// A call that rings asks for attention and shows a notification; it never steals the keyboard.
async fn attend<R: Runtime>(app: AppHandle<R>, engine: Engine) {
    let mut messages = engine.messages();
    let mut rung = HashSet::new();
    loop {
        let calls = match messages.recv().await {
            Ok(Message::Event(event)) => match event.change {
                Change::Calls(calls) => calls,
                _ => continue,
            },
            Ok(Message::Levels(_)) | Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        rung.retain(|id| calls.iter().any(|c| c.id == *id));
        for call in calls.iter().filter(|c| c.state == CallState::RingingHere) {
            if !rung.insert(call.id.clone()) {
                continue;
            }
            if let Some(window) = app.get_webview_window("main") {
                let _ = window.request_user_attention(Some(UserAttentionType::Critical));
            }
            let company = call.customers.first().map(|c| c.company.clone()).unwrap_or_default();
            let title = call.name.clone().unwrap_or_else(|| call.number.clone());
            if let Err(e) = app.notification().builder().title(title).body(company).show() {
                tracing::debug!("no notification: {e}");
            }
        }
    }
}

/// Hangs up and gives the registration back.
pub async fn leave(engine: &Engine) {
    for call in engine.desk().live_calls() {
        let _ = engine.desk().phone().hang_up(&call.info.id).await;
    }
    engine.desk().disconnect();
    // BYE and the final REGISTER go out with the line's own task; give them a moment.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}
