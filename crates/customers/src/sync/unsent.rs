//! What has not reached the CRM, with what was written.

use super::upstream::{Entity, Fields};
use super::{Kind, merge, outbox};
use crate::{Store, StoreError};

/// A change that has not reached the CRM: one that waits or was refused, or the operator's value of one in conflict.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsent {
    /// What.
    pub entity: Entity,
    /// The record's id here.
    pub uid: String,
    /// What is to be done with it.
    pub kind: Kind,
    /// What was written.
    pub fields: Fields,
    /// When, UTC milliseconds.
    pub at: i64,
}

impl Store {
    /// All that has not reached the CRM, oldest first; what is in conflict after it; then the operator's customers that no CRM knows of.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unsent(&self) -> Result<Vec<Unsent>, StoreError> {
        let mut all = outbox::unsent(&self.read())?;
        for c in self.conflicts()? {
            let whole = || c.mine.as_object().map(|all| all.clone().into_iter().collect());
            let fields: Option<Fields> = match &c.field {
                Some(field) => Some([(field.clone(), c.mine.clone())].into()),
                None => whole(),
            };
            let kind = if fields.is_some() { Kind::Update } else { Kind::Delete };
            let (entity, uid, at) = (c.entity, c.uid, c.at);
            all.push(Unsent { entity, uid, kind, fields: fields.unwrap_or_default(), at });
        }
        for (uid, at) in self.only_here_since()? {
            // One that is gone there is in conflict.
            if all.iter().any(|one| one.uid == uid) {
                continue;
            }
            let mut fields = self.customer_fields(&uid)?.unwrap_or_default();
            fields.retain(|_, value| !merge::same(value, &serde_json::Value::Null));
            all.push(Unsent { entity: Entity::Contact, uid, kind: Kind::Create, fields, at });
        }
        Ok(all)
    }
}
