//! Carries the engine's requests to a CRM, one after the other, as long as it lives.

use crate::Upstream;
use cuffia_customers::sync::upstream::{Answer, Demand, Failure};
use cuffia_customers::sync::{Engine, Next, Step};
use cuffia_customers::{Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// UTC milliseconds; the system's, or a test's.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// How it goes with the CRM.
    Standing,
    /// That, and customers.
    Records,
    /// The database is damaged.
    Damaged,
}

/// News are told so often at most.
const OFTEN: Duration = Duration::from_millis(250);
/// A database that refuses is asked again after this long.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest time without a look at what is to be done: a clock may be set in between.
const LOOK: Duration = Duration::from_secs(60);
/// Two clocks that are further apart than this, milliseconds, are apart because one was set, or the computer slept.
const APART_MS: i64 = 2_000;

/// What carries requests. Dropping it stops it; a request under way is then in doubt, as after any end of the program.
pub struct Runner {
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Runner {
    /// Starts. `region` is the country of numbers written without one; `say` is told what happens, and must not block.
    pub fn start(
        store: Arc<Store>,
        upstream: Arc<dyn Upstream>,
        region: String,
        clock: Clock,
        say: impl Fn(News) + Send + Sync + 'static,
    ) -> Runner {
        let wake = Arc::new(Notify::new());
        let seed = Instant::now().elapsed().as_nanos() as u64 ^ clock() as u64;
        let worker = Worker {
            engine: Some(Engine::new(upstream.capabilities(), seed)),
            store,
            region,
            time: Time { began: (clock(), Instant::now()), clock },
            damaged: false,
        };
        let task = tokio::spawn(run(worker, upstream, wake.clone(), say));
        Runner { wake, task }
    }

    /// Something has changed here: it is looked at once.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Time that goes on evenly. How long a request is waited for must not be cut short by a clock that is set, nor by a night in which the
/// computer slept with the request still in its buffers.
struct Time {
    clock: Clock,
    /// The clock's time at a moment, and that moment.
    began: (i64, Instant),
}

impl Time {
    fn now(&self) -> i64 {
        self.began.0 + i64::try_from(self.began.1.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Nothing is in doubt: the clock may be followed again.
    fn set(&mut self) {
        let told = (self.clock)();
        if (told - self.now()).abs() > APART_MS {
            self.began = (told, Instant::now());
        }
    }
}

struct Worker {
    store: Arc<Store>,
    /// Away while the database is asked.
    engine: Option<Engine>,
    region: String,
    time: Time,
    /// The database has said so.
    damaged: bool,
}

impl Worker {
    /// Asks the database where that may take a while.
    async fn with<T: Send + 'static>(
        &mut self,
        f: impl FnOnce(&Store, &mut Engine, &str, i64) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let mut engine = self.engine.take()?;
        let (store, region, now) = (self.store.clone(), self.region.clone(), self.time.now());
        let done = tokio::task::spawn_blocking(move || {
            let out = f(&store, &mut engine, &region, now);
            (engine, out)
        });
        let (engine, out) = done.await.ok()?;
        self.engine = Some(engine);
        self.damaged |= self.store.is_hurt() || matches!(out, Err(StoreError::Damaged));
        out.inspect_err(|e| tracing::warn!("{e}")).ok()
    }
}

async fn run(mut worker: Worker, upstream: Arc<dyn Upstream>, wake: Arc<Notify>, say: impl Fn(News)) {
    // What has happened is told a few times a second, and at each rest: who listens reads whole lists anew.
    let (mut news, mut told) = (None, Instant::now());
    loop {
        if worker.with(|store, _, _, _| store.in_doubt()).await == Some(false) {
            worker.time.set();
        }
        if std::mem::take(&mut worker.damaged) {
            say(News::Damaged);
        }
        let pause = match worker.with(|store, engine, region, now| store.next_request(engine, region, now)).await {
            Some(Next::Ask(step)) => {
                let happened = ask(&mut worker, &*upstream, step).await;
                if news != Some(News::Records) {
                    news = Some(happened);
                }
                if told.elapsed() >= OFTEN
                    && let Some(news) = news.take()
                {
                    told = Instant::now();
                    say(news);
                }
                continue;
            }
            Some(Next::Wait(until)) => {
                say(news.take().unwrap_or(News::Standing));
                until.map_or(LOOK, |until| {
                    Duration::from_millis(u64::try_from(until - worker.time.now()).unwrap_or(0)).min(LOOK)
                })
            }
            None if worker.engine.is_none() => {
                tracing::error!("the CRM is no longer asked: restart the program");
                return say(News::Standing);
            }
            None => AGAIN,
        };
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn ask(worker: &mut Worker, upstream: &dyn Upstream, step: Step) -> News {
    let result = upstream.ask(&step.demand).await;
    let brought = match &result {
        Ok(Answer::Page(page)) => !page.records.is_empty() || !page.gone.is_empty(),
        Ok(_) => !matches!(step.demand, Demand::List { .. }),
        Err(failure) => *failure == Failure::Gone,
    };
    let taken =
        worker.with(move |store, engine, region, now| store.take_answer(engine, &step, result, region, now)).await;
    if brought && taken.is_some() { News::Records } else { News::Standing }
}
