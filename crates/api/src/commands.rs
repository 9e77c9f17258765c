//! What each command does. Rules live in the desk; here they are only called.

use crate::engine::Engine;
use crate::show;
use crate::view::*;
use cuffia_customers::Customer;
use cuffia_desk::{RealAccount, TOPICS};
use cuffia_headset::{Choice, ProcessingConfig, Tone};

type Answer<T> = Result<T, ApiError>;
const DONE: Answer<Nothing> = Ok(Nothing {});

impl Engine {
    pub(crate) async fn snapshot(&self, _: Nothing) -> Answer<Snapshot> {
        Ok(self.whole())
    }

    pub(crate) async fn set_preferences(&self, p: Preferences) -> Answer<Nothing> {
        self.change_settings(|s| (s.language, s.theme) = (Some(p.language), p.theme))?;
        self.desk().speak_italian(p.language == Language::It);
        self.send_app();
        DONE
    }

    pub(crate) async fn mending_is_known(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().store().mending_is_known()?;
        self.send_app();
        DONE
    }

    pub(crate) async fn finish_first_start(&self, _: Nothing) -> Answer<Nothing> {
        self.change_settings(|s| s.started_before = true)?;
        self.send_app();
        DONE
    }

    pub(crate) async fn list_devices(&self, _: Nothing) -> Answer<Vec<DeviceView>> {
        let engine = self.clone();
        // Some sound systems take seconds to enumerate.
        let devices = tokio::task::spawn_blocking(move || engine.devices().list()).await.unwrap_or_default();
        Ok(devices
            .into_iter()
            .map(|d| DeviceView { id: d.id, name: d.name, input: d.input, output: d.output })
            .collect())
    }

    pub(crate) async fn choose_devices(&self, c: DeviceChoice) -> Answer<Nothing> {
        let choice = Choice { microphone: c.microphone, loudspeaker: c.loudspeaker, ringer: c.ringer };
        self.change_settings(|s| s.choice = choice.clone())?;
        self.devices().choose(choice);
        self.send_headset();
        DONE
    }

    pub(crate) async fn set_processing(&self, p: ProcessingView) -> Answer<Nothing> {
        let config = ProcessingConfig {
            echo_cancellation: p.echo_cancellation,
            noise_suppression: p.noise_suppression,
            strong_noise_suppression: p.strong_noise_suppression,
            gain_control: p.gain_control,
        };
        self.change_settings(|s| s.processing = config)?;
        self.desk().headset().processing(config);
        self.send_headset();
        DONE
    }

    pub(crate) async fn test_sound(&self, t: TestSound) -> Answer<Nothing> {
        self.desk().headset().tone(match t.on {
            TestTarget::Loudspeaker => Tone::Test,
            TestTarget::Ringer => Tone::TestRing,
        });
        DONE
    }

    pub(crate) async fn connect_line(&self, a: LineAccount) -> Answer<Nothing> {
        if self.with_practice(|p| p.is_some()) {
            self.end_practice().await?;
        }
        let mut account =
            RealAccount { server: a.server, user: a.user, password: a.password, display_name: a.display_name };
        // The form shows no saved password; left empty it means the saved one, for the same account only.
        if account.password.is_empty()
            && let Some(saved) = self.desk().saved_account()?
            && (&saved.server, &saved.user) == (&account.server, &account.user)
        {
            account.password = saved.password;
        }
        self.desk().connect_real(&account)?;
        DONE
    }

    pub(crate) async fn line_account(&self, _: Nothing) -> Answer<LineAccount> {
        let saved = self.desk().saved_account()?;
        let empty = LineAccount {
            server: String::new(),
            user: String::new(),
            password: String::new(),
            display_name: String::new(),
        };
        Ok(saved.map_or(empty, |a| LineAccount {
            server: a.server,
            user: a.user,
            password: String::new(),
            display_name: a.display_name,
        }))
    }

    pub(crate) async fn disconnect_line(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().leave_real()?;
        DONE
    }

    pub(crate) async fn dial(&self, d: Dial) -> Answer<CallRef> {
        // A practice customer's short number stands for his own, by which he is known like anybody.
        let short = d.target.trim();
        let own = self.callable_scenarios().into_iter().find(|s| s.number == short).map(|s| s.caller);
        let target = self.desk().target(own.as_deref().unwrap_or(short))?;
        if !self.in_practice() && cuffia_practice::is_customer(&target) {
            return Err(ApiError {
                code: "practice.closed".into(),
                message: "This is a practice customer, whose number is invented. Open the practice room to call."
                    .into(),
            });
        }
        Ok(CallRef { call: self.desk().phone().dial(target).await? })
    }

    pub(crate) async fn answer(&self, c: CallRef) -> Answer<Nothing> {
        self.desk().phone().answer(&c.call).await?;
        DONE
    }

    pub(crate) async fn reject(&self, c: CallRef) -> Answer<Nothing> {
        const DECLINE: u16 = 603;
        self.desk().phone().reject(&c.call, DECLINE).await?;
        DONE
    }

    pub(crate) async fn hang_up(&self, c: CallRef) -> Answer<Nothing> {
        self.desk().phone().hang_up(&c.call).await?;
        DONE
    }

    pub(crate) async fn hold(&self, c: CallRef) -> Answer<Nothing> {
        self.desk().phone().hold(&c.call).await?;
        DONE
    }

    pub(crate) async fn resume(&self, c: CallRef) -> Answer<Nothing> {
        self.desk().phone().resume(&c.call).await?;
        DONE
    }

    pub(crate) async fn send_digits(&self, d: Digits) -> Answer<Nothing> {
        self.desk().phone().send_digits(&d.call, d.digits).await?;
        DONE
    }

    pub(crate) async fn mute(&self, m: Mute) -> Answer<Nothing> {
        self.desk().headset().mute(m.on);
        self.send_headset();
        DONE
    }

    pub(crate) async fn pause(&self, p: Pause) -> Answer<Nothing> {
        self.desk().pause(p.on);
        DONE
    }

    pub(crate) async fn save_draft(&self, s: SaveDraft) -> Answer<Nothing> {
        self.desk().save_draft(&s.call, s.draft.into())?;
        DONE
    }

    pub(crate) async fn register_request(&self, s: SaveDraft) -> Answer<RequestView> {
        let request = self.desk().register(&s.call, &s.draft.into(), self.language() == Language::It)?;
        Ok(show::request(&request))
    }

    pub(crate) async fn choose_customer(&self, c: ChooseCustomer) -> Answer<Nothing> {
        self.desk().choose_customer(&c.call, c.customer.as_deref())?;
        DONE
    }

    pub(crate) async fn add_customer(&self, a: AddCustomer) -> Answer<CustomerRef> {
        Ok(CustomerRef { customer: self.desk().add_customer(&a.call, &a.name, &a.company)? })
    }

    pub(crate) async fn end_wrap_up(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().end_wrap_up();
        DONE
    }

    pub(crate) async fn extend_wrap_up(&self, e: Extend) -> Answer<Nothing> {
        self.desk().extend_wrap_up(e.seconds);
        DONE
    }

    pub(crate) async fn topics(&self, _: Nothing) -> Answer<Vec<TopicView>> {
        let italian = self.language() == Language::It;
        let name = |en: &str, it: &str| if italian { it } else { en }.to_owned();
        Ok(TOPICS
            .iter()
            .map(|t| TopicView {
                id: t.id.into(),
                name: name(t.en, t.it),
                subtopics: t
                    .below
                    .iter()
                    .map(|(id, en, it)| SubtopicView { id: (*id).into(), name: name(en, it) })
                    .collect(),
            })
            .collect())
    }

    pub(crate) async fn find_customers(&self, f: Find) -> Answer<Vec<CustomerRow>> {
        const MOST: u32 = 100;
        let customers = self.desk().store().find_customers(&f.text, f.limit.min(MOST))?;
        // Practice customers come on top and take nobody's place in the limit.
        let mut rows = self.practice_rows(f.text.trim())?;
        let on_top = rows.len();
        rows.extend(customers.into_iter().map(customer_row));
        let (top, rest) = rows.split_at(on_top);
        let rest = rest.iter().filter(|r| top.iter().all(|t| t.id != r.id));
        Ok(top.iter().chain(rest).cloned().collect())
    }

    /// Practice customers who can be called now and fit what was typed, under their short numbers.
    fn practice_rows(&self, text: &str) -> Answer<Vec<CustomerRow>> {
        let wanted = text.to_lowercase();
        let mut rows = Vec::new();
        for s in self.callable_scenarios() {
            // The person is a customer like others, with a company and a page; only the number is the practice room's.
            let known = self.desk().store().customers_by_number(&s.caller, self.desk().region())?.into_iter().next();
            let known = known.map(customer_row);
            let row = CustomerRow {
                id: known.as_ref().map_or(s.id, |k| k.id.clone()),
                name: s.customer,
                company: known.map(|k| k.company).unwrap_or_default(),
                number: s.number,
                practice: true,
                sample: true,
            };
            let words = format!("{} {} {}", row.name, row.company, s.title).to_lowercase();
            if words.contains(&wanted) || row.number.starts_with(&wanted) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    pub(crate) async fn customer(&self, c: CustomerRef) -> Answer<CustomerPage> {
        let desk = self.desk();
        let (customer, calls, requests) = desk.customer_history(&c.customer)?;
        let mut timeline = Vec::new();
        for c in &calls {
            // It may be another customer's by now.
            let request = desk.store().request_of(&c.id)?;
            let row = show::call_row(c, request.as_ref(), desk.store().draft(&c.id)?.as_ref());
            timeline.push(TimelineItem { at: c.started, call: Some(row), request: None });
        }
        timeline.extend(
            requests.iter().filter(|r| calls.iter().all(|c| r.call.as_ref() != Some(&c.id))).map(|r| TimelineItem {
                at: r.at,
                call: None,
                request: Some(show::request(r)),
            }),
        );
        timeline.sort_by_key(|i| std::cmp::Reverse(i.at));
        Ok(CustomerPage { card: show::card(&desk.sight(customer)?), timeline })
    }

    pub(crate) async fn remove_samples(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().store().remove_samples()?;
        self.desk().read_articles().await?;
        self.send_app();
        self.send(Change::Records);
        DONE
    }

    pub(crate) async fn list_calls(&self, l: ListCalls) -> Answer<Vec<CallRow>> {
        let rows = self.desk().calls_before(l.before, l.limit)?;
        Ok(rows.iter().map(|k| show::call_row(&k.call, k.request.as_ref(), k.draft.as_ref())).collect())
    }

    pub(crate) async fn recording(&self, c: CallRef) -> Answer<RecordingView> {
        let shape = self.desk().recording(&c.call).await?;
        let (operator, customer) = shape.peaks.into_iter().unzip();
        Ok(RecordingView { duration: shape.duration_ms, operator, customer, complete: shape.complete })
    }

    pub(crate) async fn play_recording(&self, p: Play) -> Answer<Nothing> {
        self.desk().play_recording(&p.call, p.from).await?;
        DONE
    }

    pub(crate) async fn stop_playing(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().headset().stop_playing();
        DONE
    }

    pub(crate) async fn scenarios(&self, _: Nothing) -> Answer<Vec<ScenarioView>> {
        Ok(self.scenario_views())
    }

    pub(crate) async fn start_practice(&self, s: StartPractice) -> Answer<Nothing> {
        self.begin_practice(&s.scenario, s.language).await?;
        DONE
    }

    pub(crate) async fn stop_practice(&self, _: Nothing) -> Answer<Nothing> {
        self.end_practice().await?;
        DONE
    }

    pub(crate) async fn practice_result(&self, c: CallRef) -> Answer<PracticeResult> {
        let json = self.desk().store().practice_result(&c.call)?;
        json.and_then(|j| serde_json::from_str(&j).ok()).ok_or_else(|| ApiError {
            code: "practice.no_result".into(),
            message: "This call has no practice result.".into(),
        })
    }
}

fn customer_row(c: Customer) -> CustomerRow {
    CustomerRow {
        number: c.numbers.first().cloned().unwrap_or_default(),
        id: c.id,
        name: c.name,
        company: c.company,
        practice: false,
        sample: c.sample,
    }
}
