//! What has changed there, and what there is: told by lists, each of which is read by itself then.

use super::{PAGE, Rt, items, ticket};
use crate::http::in_doubt;
use cuffia_customers::sync::upstream::{After, Entity, Failure, List, Page};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// As long as a transaction there may take until it shows, milliseconds; and so many others may be newer by then.
const OVERLAP_MS: i64 = 300_000;
const OVERLAP: i64 = 200;

impl Rt {
    /// Which tickets have changed since a time of the server's clock, or which there are. Between pages it is noted when the first was told.
    pub(super) async fn changed_tickets(&self, after: &After) -> Result<Page, Failure> {
        let (began, since, last) = match after {
            After::Page(page) => {
                let mut parts = page.splitn(3, ' ').map(|part| part.parse::<i64>().unwrap_or(0));
                let mut part = || parts.next().unwrap_or(0);
                (Some(part()), Some(part()).filter(|since| *since > 0), part())
            }
            After::Token(token) => (None, Some(token.parse::<i64>().map_err(|_| Failure::Forgotten)?), 0),
            After::Since(since) => (None, Some(*since), 0),
            After::Beginning => (None, None, 0),
        };
        let mut query = self.followed();
        if let Some(since) = since {
            // A moment it would read in the user's zone; this it does not.
            let ago = (self.rest.now().await? - since + OVERLAP_MS).max(OVERLAP_MS) / 1_000;
            query += &format!(" AND LastUpdated > '{ago} seconds ago'");
        }
        let told = self.tickets(&query, &last.to_string(), "fields=LastUpdated").await?;
        let began = began.or(told.at).ok_or_else(|| in_doubt("the server does not say what time it is"))?;
        let changed = entries(&told.body);
        let next = changed.last().map(|(id, _)| format!("{began} {} {id}", since.unwrap_or(0)));
        let token = next.is_none().then(|| began.to_string());
        Ok(Page { changed, next, token, ..Page::default() })
    }

    /// Which customers have changed since a transaction of the server's, or which there are.
    pub(super) async fn changed_users(&self, after: &After) -> Result<Page, Failure> {
        if let After::Token(token) = after {
            return self.touched(token.parse().map_err(|_| Failure::Forgotten)?).await;
        }
        let (began, page) = match after {
            After::Page(page) => {
                let mut parts = page.splitn(2, ' ').map(|part| part.parse::<i64>().unwrap_or(0));
                (parts.next().unwrap_or(0), parts.next().unwrap_or(1))
            }
            _ => {
                let newest = json!([{ "field": "ObjectType", "value": "RT::User" }]);
                let found = self.rest.search("transactions?orderby=id&order=DESC&per_page=1", &newest).await?;
                let newest = items(&found.body).next().and_then(|t| ticket::id(&t["id"])?.parse().ok());
                (newest.unwrap_or(0), 1)
            }
        };
        let changed = self.users(page).await?;
        let next = (changed.len() == PAGE).then(|| format!("{began} {}", page + 1));
        let token = next.is_none().then(|| began.to_string());
        Ok(Page { changed, next, token, ..Page::default() })
    }

    async fn users(&self, page: i64) -> Result<Vec<(String, Option<String>)>, Failure> {
        let path = format!("users?fields=id,LastUpdated&orderby=id&order=ASC&per_page={PAGE}&page={page}");
        let found = self.rest.get(&path).await?.body;
        let total = found["total"].as_i64();
        let mut before = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        if page > 1 && total.is_some() && *before != total {
            // There are more or fewer than when it began: somebody may have slipped from one page into the other.
            return Err(Failure::Forgotten);
        }
        *before = total;
        Ok(entries(&found))
    }

    /// Customers that newer transactions are about.
    async fn touched(&self, last: i64) -> Result<Page, Failure> {
        let newer = json!([
            { "field": "id", "operator": ">", "value": last - OVERLAP },
            { "field": "ObjectType", "value": "RT::User" }
        ]);
        let path = format!("transactions?fields=ObjectId&orderby=id&order=ASC&per_page={PAGE}");
        let (mut found_now, mut newest) = (Vec::new(), last);
        for page in 1.. {
            let found = self.rest.search(&format!("{path}&page={page}"), &newer).await?;
            let mut many = 0;
            for transaction in items(&found.body) {
                many += 1;
                let id = ticket::id(&transaction["id"]).and_then(|id| id.parse::<i64>().ok());
                let (Some(id), Some(user)) = (id, ticket::id(&transaction["ObjectId"])) else { continue };
                newest = newest.max(id);
                found_now.push((id, user));
            }
            if many < PAGE {
                break;
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let changed: BTreeSet<String> =
            found_now.into_iter().filter_map(|(id, user)| told.insert(id).then_some(user)).collect();
        *told = told.split_off(&(newest - 2 * OVERLAP));
        let changed = changed.into_iter().map(|id| (id, None)).collect();
        Ok(Page { changed, token: Some(newest.to_string()), ..Page::default() })
    }

    pub(super) async fn list(&self, entity: Entity, after: Option<&str>) -> Result<List, Failure> {
        match entity {
            Entity::Request => {
                let last: i64 = after.and_then(|a| a.parse().ok()).unwrap_or(0);
                let told = self.tickets(&self.followed(), &last.to_string(), "fields=LastUpdated").await?;
                let entries = entries(&told.body);
                Ok(List { next: entries.last().map(|(id, _)| id.clone()), entries })
            }
            Entity::Contact => {
                let page: i64 = after.and_then(|a| a.parse().ok()).unwrap_or(1);
                let entries = self.users(page).await?;
                Ok(List { next: (entries.len() == PAGE).then(|| (page + 1).to_string()), entries })
            }
        }
    }
}

/// Numbers and versions of what a list tells.
fn entries(answer: &Value) -> Vec<(String, Option<String>)> {
    items(answer).filter_map(|r| Some((ticket::id(&r["id"])?, r["LastUpdated"].as_str().map(str::to_owned)))).collect()
}
