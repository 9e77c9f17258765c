//! Which queues a user may work in, and whether customers are told to him.

use super::rest::{FORBIDDEN, NO_ANSWER, NOT_RT, Rest, quoted};
use super::{PAGE, Rt, items, ticket};
use crate::find::Book;
use crate::{Account, CrmError};
use cuffia_customers::sync::upstream::Failure;
use cuffia_tls::Trust;

/// The oldest that is spoken to: `MAJOR` of its version.
const OLDEST: u32 = 5;
/// So many pages of queues are looked through.
const QUEUE_PAGES: i64 = 10;
/// What is not told to who may not administer users.
const NEVER: &str = "1970-01-01T00:00:00Z";

impl Rt {
    /// The queues that a user sees; where it is to be `counted`, with how many tickets to be done each has.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn queues(account: &Account, trust: &Trust, counted: bool) -> Result<Vec<Book>, CrmError> {
        let rest = Rest::new(account, trust)?;
        let said = |f: Failure| match f {
            Failure::Auth { .. } => CrmError::Password,
            // A user who may only ask, and see his own tickets.
            Failure::Retry { why, .. } if why.starts_with(FORBIDDEN) => CrmError::Rights,
            Failure::Retry { why, .. } => CrmError::Unreachable(why),
            Failure::Gone | Failure::Rejected { .. } => CrmError::NoRt,
            other => CrmError::Server(other.to_string()),
        };
        let version = rest.record("rt").await.map_err(|f| match f {
            Failure::Auth { .. } => CrmError::Password,
            // What answers there is something else.
            Failure::Retry { why, .. } if why.ends_with(NOT_RT) => CrmError::NoRt,
            Failure::Ambiguous { why } if why.ends_with(NO_ANSWER) => CrmError::NoRt,
            other => said(other),
        })?;
        let version = version.body["Version"].as_str().ok_or(CrmError::NoRt)?.to_owned();
        if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
            return Err(CrmError::Version(format!("Request Tracker {version}"), format!("{OLDEST}.0")));
        }
        let first = rest.get("users?fields=LastUpdated&orderby=id&per_page=1").await.map_err(said)?.body;
        let customers = first["items"][0]["LastUpdated"].as_str().is_some_and(|stamp| stamp != NEVER);
        let mut seen = Vec::new();
        // A page has only those of its hundred that this user sees: also the one after an empty one may have some.
        for page in 1..=QUEUE_PAGES {
            let path = format!("queues/all?per_page={PAGE}&page={page}&fields=Name");
            let found = rest.get(&path).await.map_err(said)?.body;
            seen.extend(items(&found).cloned());
            if found["pages"].as_i64().is_some_and(|pages| pages <= page) {
                break;
            }
        }
        let mut books = Vec::new();
        for queue in seen {
            let Some(id) = ticket::id(&queue["id"]) else { continue };
            let links = rest.record(&format!("queue/{id}")).await.map_err(said)?.body;
            let mut links = links["_hyperlinks"].as_array().into_iter().flatten();
            let mut open = 0;
            if counted {
                let query = quoted(&format!("Queue = '{id}' AND Status = '__Active__'"));
                let found = rest.get(&format!("tickets?per_page=1&query={query}")).await.map_err(said)?.body;
                open = found["total"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            }
            books.push(Book {
                name: queue["Name"].as_str().unwrap_or(&id).to_owned(),
                path: id,
                cards: open,
                writable: links.any(|link| link["ref"] == "create"),
                tokens: false,
                customers,
                requests: true,
            });
        }
        if books.is_empty() { Err(CrmError::NoQueue) } else { Ok(books) }
    }
}
