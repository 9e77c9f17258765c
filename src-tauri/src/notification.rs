//! Notifications by D-Bus (Desktop Notifications Specification 1.2). Those of a ringing call stay until it rings no more.

use crate::ringing::{Choice, Chosen, Notice, Order};
use std::collections::HashMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::export::futures_core::Stream;
use zbus::zvariant::Value;

const ANSWER: &str = "answer";
const DECLINE: &str = "decline";
/// The specification's name for a click on the notification itself.
const CLICK: &str = "default";
/// Stays, and is shown above full-screen windows.
const CRITICAL: u8 = 2;
const NEVER_EXPIRES: i32 = 0;

/// Where the session bus is.
#[derive(Debug, Clone)]
pub enum Bus {
    /// As the environment says.
    Session,
    /// A test's own.
    #[cfg(test)]
    At(String),
}

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Notifications {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;
    #[allow(clippy::too_many_arguments)] // The specification's.
    fn notify(
        &self,
        app_name: &str,
        replaces: u32,
        icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expires: i32,
    ) -> zbus::Result<u32>;
    fn close_notification(&self, id: u32) -> zbus::Result<()>;
    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// Starts showing; needs a Tokio runtime. Ends when the orders do.
pub fn start(bus: Bus) -> (UnboundedSender<Order>, UnboundedReceiver<Chosen>) {
    let (orders, ordered) = unbounded_channel();
    let (chosen, choices) = unbounded_channel();
    tokio::spawn(run(bus, ordered, chosen));
    (orders, choices)
}

async fn run(bus: Bus, mut ordered: UnboundedReceiver<Order>, chosen: UnboundedSender<Chosen>) {
    let mut service = None;
    while let Some(order) = ordered.recv().await {
        if service.is_none() {
            service = Service::connect(&bus).await.map_err(|e| tracing::debug!("no notifications: {e}")).ok();
        }
        let Some(connected) = &mut service else { continue };
        if let Err(e) = connected.follow(order, &mut ordered, &chosen).await {
            // The service or the bus is gone; the next call looks for it again.
            tracing::debug!("notifications stopped: {e}");
            service = None;
        }
    }
}

/// A service that answers, and what it shows of ours.
struct Service {
    proxy: NotificationsProxy<'static>,
    actions: ActionInvokedStream,
    closed: NotificationClosedStream,
    /// Its body understands mark-up, so ours must be escaped.
    markup: bool,
    shown: HashMap<u32, String>,
}

impl Service {
    async fn connect(bus: &Bus) -> zbus::Result<Service> {
        let connection = match bus {
            Bus::Session => zbus::Connection::session().await?,
            #[cfg(test)]
            Bus::At(address) => zbus::connection::Builder::address(address.as_str())?.build().await?,
        };
        let proxy = NotificationsProxy::new(&connection).await?;
        let markup = proxy.get_capabilities().await?.iter().any(|c| c == "body-markup");
        Ok(Service {
            actions: proxy.receive_action_invoked().await?,
            closed: proxy.receive_notification_closed().await?,
            proxy,
            markup,
            shown: HashMap::new(),
        })
    }

    /// Carries out an order, and those that come while anything is shown.
    async fn follow(
        &mut self,
        first: Order,
        ordered: &mut UnboundedReceiver<Order>,
        chosen: &UnboundedSender<Chosen>,
    ) -> zbus::Result<()> {
        self.carry_out(first).await?;
        while !self.shown.is_empty() {
            tokio::select! {
                order = ordered.recv() => match order {
                    Some(order) => self.carry_out(order).await?,
                    None => return Ok(()),
                },
                Some(signal) = next(&mut self.actions) => {
                    let signal = signal.args()?;
                    let choice = match signal.action.as_str() {
                        ANSWER => Choice::Answer,
                        DECLINE => Choice::Decline,
                        CLICK => Choice::Show,
                        _ => continue,
                    };
                    // Every program's notifications are told of to all.
                    if let Some(call) = self.shown.get(&signal.id) {
                        let _ = chosen.send(Chosen { call: call.clone(), choice });
                    }
                }
                Some(signal) = next(&mut self.closed) => {
                    self.shown.remove(&signal.args()?.id);
                }
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, order: Order) -> zbus::Result<()> {
        match order {
            Order::Show(notice) => {
                let id = self.show(&notice).await?;
                self.shown.insert(id, notice.call);
            }
            Order::Close(call) => {
                let ids: Vec<u32> = self.shown.iter().filter(|(_, c)| **c == call).map(|(id, _)| *id).collect();
                for id in ids {
                    self.shown.remove(&id);
                    // Closed already by a click in the same moment: all the better.
                    let _ = self.proxy.close_notification(id).await;
                }
            }
        }
        Ok(())
    }

    async fn show(&self, notice: &Notice) -> zbus::Result<u32> {
        let body = match self.markup {
            true => notice.body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            false => notice.body.clone(),
        };
        let hints = HashMap::from([
            ("urgency", Value::from(CRITICAL)),
            ("category", Value::from("call.incoming")),
            ("desktop-entry", Value::from("Cuffia")),
            // We ring ourselves, where the operator wants it.
            ("suppress-sound", Value::from(true)),
        ]);
        let actions = [ANSWER, notice.answer, DECLINE, notice.decline, CLICK, ""];
        self.proxy.notify("Cuffia", 0, "call-start", &notice.title, &body, &actions, hints, NEVER_EXPIRES).await
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx)).await
}

#[cfg(test)]
mod tests;
