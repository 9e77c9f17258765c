//! What the window needs of the system, for any runtime: so that it is tested without a display.

#[cfg(target_os = "linux")]
use crate::notification;
#[cfg(not(target_os = "linux"))]
use crate::notification_plugin;
use crate::ringing::{self, Window};
use cuffia_api::{ApiError, Engine, Message, dispatch};
use serde_json::Value;
use std::path::Path;
use tauri::ipc::Channel;
use tauri::utils::config::AppDirectoriesOverride;
use tauri::{
    AppHandle, Builder, Context, Manager, Runtime, State, UserAttentionType, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder,
};
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
    #[cfg(not(target_os = "linux"))]
    let builder = builder.plugin(tauri_plugin_notification::init());
    builder.manage(engine.clone()).invoke_handler(tauri::generate_handler![rpc, follow]).setup(move |app| {
        let window = match app.config().app.windows.first().cloned() {
            Some(config) => WebviewWindowBuilder::from_config(app.handle(), &config)?.build()?,
            None => WebviewWindowBuilder::new(app, "main", WebviewUrl::default()).build()?,
        };
        paint_by_processor(&window)?;
        // The main thread is not inside the runtime; Tauri knows its handle.
        let handle = app.handle().clone();
        tauri::async_runtime::spawn(async move {
            #[cfg(target_os = "linux")]
            let (orders, choices) = notification::start(notification::Bus::Session);
            #[cfg(not(target_os = "linux"))]
            let (orders, choices) = notification_plugin::start(&handle);
            ringing::attend(engine, orders, choices, move |what| show(&handle, what)).await;
        });
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

/// What a call that rings wants of the window. Only the operator's own click brings it to the front: it never steals the keyboard.
fn show<R: Runtime>(app: &AppHandle<R>, what: Window) {
    let Some(window) = app.get_webview_window("main") else { return };
    // A window manager may refuse; the call goes on all the same.
    let _ = match what {
        Window::Attention => window.request_user_attention(Some(UserAttentionType::Critical)),
        Window::Front => window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus()),
    };
}
