//! The table.

use crate::view::*;
use ts_rs::{Config, TS};

/// Writes the dispatcher and the TypeScript from one list.
macro_rules! api {
    ($($(#[doc = $doc:literal])* $name:ident($request:ty) -> $response:ty,)*) => {
        /// Names of all commands.
        pub const COMMANDS: &[&str] = &[$(stringify!($name)),*];

        /// Carries out a command by name. Unknown names and arguments of another shape are errors, never panics.
        ///
        /// # Errors
        /// `bad_request`, or what the command gives.
        pub async fn dispatch(engine: &crate::Engine, name: &str, arguments: serde_json::Value) -> Result<serde_json::Value, ApiError> {
            engine.is_open_for(name)?;
            match name {
                $(stringify!($name) => {
                    let request: $request = serde_json::from_value(arguments)
                        .map_err(|e| bad_request(format!("{name}: {e}")))?;
                    let response = engine.$name(request).await;
                    engine.look_after_store(response.as_ref().err());
                    let response: $response = response?;
                    serde_json::to_value(response).map_err(|e| bad_request(format!("{name}: {e}")))
                })*
                _ => Err(bad_request(format!("there is no command {name:?}"))),
            }
        }

        /// `ui/src/lib/engine/bindings.ts`: every wire type, and `Commands` with each command's request and response.
        pub fn typescript() -> String {
            let config = Config::new().with_large_int("number");
            let mut types = std::collections::BTreeMap::new();
            $(
                collect::<$request>(&config, &mut types);
                collect::<$response>(&config, &mut types);
            )*
            collect::<Message>(&config, &mut types);
            let mut out = String::from("// Made from the table in crates/api: `npm run bindings`. Do not edit.\n\n");
            for declaration in types.values() {
                out += declaration;
                out += "\n\n";
            }
            out += "/** Every command: [request, response]. */\nexport type Commands = {\n";
            $(
                $(out += &format!("  /** {} */\n", $doc.trim());)*
                out += &format!("  {}: [{}, {}];\n", stringify!($name), <$request>::name(&config), <$response>::name(&config));
            )*
            out += "};\n";
            out
        }
    };
}

api! {
    /// All that the window shows.
    snapshot(Nothing) -> Snapshot,
    /// Sets language and look.
    set_preferences(Preferences) -> Nothing,
    /// The operator knows that the database was mended.
    mending_is_known(Nothing) -> Nothing,
    /// The first-start pages are done.
    finish_first_start(Nothing) -> Nothing,

    /// Sound devices of the machine.
    list_devices(Nothing) -> Vec<DeviceView>,
    /// Chooses devices by preference.
    choose_devices(DeviceChoice) -> Nothing,
    /// Switches processing steps.
    set_processing(ProcessingView) -> Nothing,
    /// Plays three notes.
    test_sound(TestSound) -> Nothing,

    /// Connects to the employer's switchboard; how it goes is told by events. A malformed address is an error at once.
    connect_line(LineAccount) -> Nothing,
    /// The account as saved, password left out.
    line_account(Nothing) -> LineAccount,
    /// Leaves the switchboard, until it is connected again: also after practice and after the next start.
    disconnect_line(Nothing) -> Nothing,

    /// Calls a number, a name's number or a link.
    dial(Dial) -> CallRef,
    /// Answers.
    answer(CallRef) -> Nothing,
    /// Declines.
    reject(CallRef) -> Nothing,
    /// Hangs up.
    hang_up(CallRef) -> Nothing,
    /// Holds.
    hold(CallRef) -> Nothing,
    /// Resumes; another active call is held.
    resume(CallRef) -> Nothing,
    /// Sends keys.
    send_digits(Digits) -> Nothing,
    /// Mutes the microphone.
    mute(Mute) -> Nothing,

    /// Break or ready.
    pause(Pause) -> Nothing,
    /// Saves what is written down; on disk when it returns.
    save_draft(SaveDraft) -> Nothing,
    /// Registers the request of a call; on disk when it returns.
    register_request(SaveDraft) -> RequestView,
    /// Says whose a call is, or that it is no customer's; during it or later. Call and request move to that customer's time line.
    choose_customer(ChooseCustomer) -> Nothing,
    /// Makes the other side of a call a customer, with its number; `choose_customer` links him with the call.
    add_customer(AddCustomer) -> CustomerRef,
    /// Ends wrap-up.
    end_wrap_up(Nothing) -> Nothing,
    /// Extends wrap-up.
    extend_wrap_up(Extend) -> Nothing,
    /// Topics in two levels.
    topics(Nothing) -> Vec<TopicView>,

    /// Searches customers by name, company or number; practice customers too.
    find_customers(Find) -> Vec<CustomerRow>,
    /// A customer's page.
    customer(CustomerRef) -> CustomerPage,
    /// A customer's fields as they are written.
    customer_fields(CustomerRef) -> CustomerFields,
    /// Changes a customer; on disk when it returns, with what is to be sent to the CRM.
    edit_customer(EditCustomer) -> Nothing,
    /// Deletes a customer; in the CRM too. His calls and requests stay.
    delete_customer(CustomerRef) -> Nothing,
    /// Reads a file with customers and says what would be made of it. Nothing is made.
    read_import(ImportText) -> Nothing,
    /// The same with columns understood in another way.
    plan_import(ImportColumns) -> Nothing,
    /// Makes the customers of the file; how far it is, is told by events.
    run_import(Nothing) -> Nothing,
    /// Stops it, or puts the file away.
    stop_import(Nothing) -> Nothing,
    /// Removes the sample customers, but for those who call in practice.
    remove_samples(Nothing) -> Nothing,
    /// Calls, newest first.
    list_calls(ListCalls) -> Vec<CallRow>,

    /// What an export can be made of, and the last ones.
    export_room(Nothing) -> ExportRoom,
    /// What an export would write; nothing is written.
    preview_export(ExportAsk) -> ExportPreview,
    /// Writes calls or requests into a file among the downloads, and a line about it into the audit log.
    run_export(ExportAsk) -> ExportWritten,
    /// What an employer's headings seem to mean.
    read_headings(ExportHeadings) -> Vec<FormColumn>,
    /// Keeps a form, in place of another or beside the others.
    keep_form(KeepForm) -> Nothing,
    /// Forgets a form.
    remove_form(ExportFormRef) -> Nothing,

    /// Shape of a recording.
    recording(CallRef) -> RecordingView,
    /// Replays a recording to the ear.
    play_recording(Play) -> Nothing,
    /// Stops it.
    stop_playing(Nothing) -> Nothing,

    /// The address books of a user on a CardDAV server, with what they have and whether we may change them.
    crm_books(CrmUser) -> Vec<BookView>,
    /// Connects an address book as the employer's CRM; how it goes is told by events.
    connect_crm(ConnectCrm) -> Nothing,
    /// Asks the CRM no more, until it is connected again. Changes wait.
    disconnect_crm(Nothing) -> Nothing,
    /// Asks the CRM now: sends what waits, fetches what is new.
    sync_now(SyncNow) -> Nothing,
    /// Sends the operator's customers that the CRM does not know of.
    send_only_here(Nothing) -> Nothing,
    /// What waits, for the CRM or for the operator.
    crm_work(Nothing) -> CrmWork,
    /// The operator chooses whose value a field in conflict shall have.
    choose_value(ChooseValue) -> Nothing,
    /// Gives up what the CRM refused: the customer is again what the CRM has.
    send_again(RefusedRef) -> Nothing,
    let_go(RefusedRef) -> Nothing,
    set_done(SetDone) -> Nothing,
    set_pop(SetPop) -> Nothing,
    try_pop(TryPop) -> Nothing,
    open_page(CallRef) -> Nothing,
    /// From now on a program of the employer's is told what happens to calls, or none is.
    set_events(SetEvents) -> Nothing,
    /// Asks a program whether it would take events; it is told none.
    try_events(EventsTarget) -> Nothing,
    open_requests(Nothing) -> Vec<OpenRequest>,

    /// Looks for knowledge articles.
    find_articles(FindArticles) -> Vec<ArticleRow>,
    /// Articles that may help with what is written down in a call: a topic's names and a note.
    suggest_articles(FindArticles) -> Vec<ArticleRow>,
    /// An article to be read; that it is read in a call is counted.
    open_article(OpenArticle) -> ArticlePage,
    /// Takes the articles from a folder, or the samples. Nothing is changed when it can't be read.
    set_articles(SetArticles) -> Nothing,
    /// Looks now what is new in the folder.
    read_articles(Nothing) -> Nothing,
    /// Opens an article's link to the web or to a mail outside.
    open_link(OpenLink) -> Nothing,

    /// What signing out would destroy that nobody else has.
    left_behind(Nothing) -> LeftBehind,
    /// Writes what has not reached the CRM into a file among the downloads, which anybody can read.
    hand_over(Nothing) -> HandedOver,
    /// Destroys all that is kept here. Nothing is answered after it.
    sign_out(SignOut) -> Nothing,

    /// Scenarios in the window's language.
    scenarios(Nothing) -> Vec<ScenarioView>,
    /// Opens the practice room: connects the practice line, and the customer calls.
    start_practice(StartPractice) -> Nothing,
    /// Leaves the practice room.
    stop_practice(Nothing) -> Nothing,
    /// Result of a practice call.
    practice_result(CallRef) -> PracticeResult,
}

fn bad_request(message: String) -> ApiError {
    ApiError { code: "bad_request".into(), message }
}

fn collect<T: TS + 'static + ?Sized>(config: &Config, into: &mut std::collections::BTreeMap<String, String>) {
    struct Visitor<'a>(&'a Config, &'a mut std::collections::BTreeMap<String, String>);
    impl ts_rs::TypeVisitor for Visitor<'_> {
        fn visit<T: TS + 'static + ?Sized>(&mut self) {
            collect::<T>(self.0, self.1);
        }
    }
    if T::output_path().is_some() {
        let name = T::ident(config);
        if into.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        into.insert(name, format!("{docs}export {}", T::decl(config)));
    }
    T::visit_dependencies(&mut Visitor(config, into));
    T::visit_generics(&mut Visitor(config, into));
}
