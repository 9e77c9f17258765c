//! The employer's CRM: which, and what the operator is shown and asked of the work between it and this computer.

use crate::desk::DeskEvent;
use crate::{Desk, DeskError, blocking};
use cuffia_crm::{Account, Book, CrmError, Kind, News, Runner};
use cuffia_customers::sync::upstream::{Entity, Fields};
use cuffia_customers::sync::{Choice, Conflict, Standing};
use serde::{Deserialize, Serialize};

/// A CRM, as it is kept; the password apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmAccount {
    /// What the server speaks.
    #[serde(default)]
    pub kind: Kind,
    /// The server's address as typed.
    pub address: String,
    /// User name.
    pub user: String,
    /// Path of the address book on the server, name of the database, or number of the queue.
    pub book: String,
    /// Its name as people see it.
    pub name: String,
    /// It can tell what has changed.
    pub tokens: bool,
    /// It keeps customers for this user.
    #[serde(default = "yes")]
    pub customers: bool,
}

/// Those that are kept from before did.
fn yes() -> bool {
    true
}

/// How it is with the CRM.
#[derive(Debug, Clone, PartialEq)]
pub struct CrmStatus {
    /// Which, if one was ever connected.
    pub account: Option<CrmAccount>,
    /// Whether it is asked.
    pub connected: bool,
    /// How it goes.
    pub standing: Standing,
}

const ACCOUNT: &str = "crm.account";
const WANTED: &str = "crm.wanted";

/// Each password belongs to one user of one server: it is never told to another.
fn secret(address: &str, user: &str) -> String {
    format!("crm {user} {address}")
}

impl Desk {
    /// The address books or databases of a user on a server. An empty password stands for the one that is kept, for the same server and user.
    ///
    /// # Errors
    /// See [`CrmError`].
    pub async fn crm_books(&self, user: Account) -> Result<Vec<Book>, DeskError> {
        Ok(self.crm_user(user).await?.books(&self.trust()).await?)
    }

    /// Connects an address book or a database. Without a password the one that is kept is used, for the same server and user. When another one was
    /// connected before and something has not reached it yet, that is an error unless it may be left behind.
    ///
    /// # Errors
    /// [`DeskError::CrmWaits`], or see [`CrmError`].
    pub async fn connect_crm(&self, user: Account, book: &str, leave_behind: bool) -> Result<(), DeskError> {
        let user = self.crm_user(user).await?;
        let books = user.found(&self.trust()).await?;
        let book = books.into_iter().find(|b| b.path == book).ok_or_else(|| CrmError::BookGone(book.to_owned()))?;
        let account = CrmAccount {
            kind: user.kind,
            address: user.address.clone(),
            user: user.user.clone(),
            book: book.path,
            name: book.name,
            tokens: book.tokens,
            customers: book.customers,
        };
        let who = user.who(&account.book)?;
        let another = self.store().crm()?.is_some_and(|before| before != who);
        let s = self.store().standing()?;
        let open = s.waiting + s.conflicts + s.refused;
        if another && open > 0 && !leave_behind {
            return Err(DeskError::CrmWaits(open));
        }
        let (desk, kept) = (self.clone(), user.clone());
        blocking(move || Ok(desk.secrets().put(desk.store(), &secret(&kept.address, &kept.user), &kept.password)?))
            .await?;
        self.store().set_setting(ACCOUNT, &account)?;
        self.store().set_setting(WANTED, &true)?;
        self.run_crm(&account, &user).await
    }

    /// Connects the CRM that is kept, if it is wanted: at start.
    ///
    /// # Errors
    /// When the store or the key store refuses.
    pub async fn connect_saved_crm(&self) -> Result<(), DeskError> {
        let wanted = self.store().setting(WANTED)?.unwrap_or(false);
        let Some(account) = self.store().setting::<CrmAccount>(ACCOUNT)?.filter(|_| wanted) else { return Ok(()) };
        let CrmAccount { kind, address, user, .. } = account.clone();
        let user = self.crm_user(Account { kind, address, user, password: String::new() }).await?;
        // The key store may have asked the operator, who may have done something else meanwhile.
        let still = self.store().setting::<CrmAccount>(ACCOUNT)?.as_ref() == Some(&account);
        if still && self.store().setting(WANTED)? == Some(true) && self.runner().is_none() {
            self.run_crm(&account, &user).await?;
        }
        Ok(())
    }

    async fn run_crm(&self, account: &CrmAccount, user: &Account) -> Result<(), DeskError> {
        if self.is_leaving() {
            return Ok(());
        }
        let upstream = user.open(&self.trust(), &account.book, account.tokens, account.customers, self.region())?;
        // The one before must not ask any more once the store is another CRM's.
        *self.runner() = None;
        let (desk, who, fields) = (self.clone(), user.who(&account.book)?, upstream.fields());
        blocking(move || Ok(desk.store().connect_crm(&who, &fields, desk.region(), desk.now())?)).await?;
        let events = self.sayer();
        let say = move |news| {
            // Nobody may be listening.
            let _ = events.send(DeskEvent::Crm);
            match news {
                News::Standing => {}
                News::Records => drop(events.send(DeskEvent::Records)),
                News::Damaged => drop(events.send(DeskEvent::Damaged)),
            }
        };
        let runner = Runner::start(self.own_store(), upstream, self.region().to_owned(), self.clock(), say);
        *self.runner() = Some(runner);
        self.say(DeskEvent::Crm);
        self.say(DeskEvent::Records);
        Ok(())
    }

    /// As typed; the password that is kept in place of none, for the same server and user.
    async fn crm_user(&self, typed: Account) -> Result<Account, DeskError> {
        let (kind, mut password) = (typed.kind, typed.password);
        let (address, user) = (typed.address.trim().to_owned(), typed.user.trim().to_owned());
        let kept: Option<CrmAccount> = self.store().setting(ACCOUNT)?;
        if password.is_empty() && kept.is_some_and(|kept| (&kept.address, &kept.user) == (&address, &user)) {
            let (desk, name) = (self.clone(), secret(&address, &user));
            password = blocking(move || Ok(desk.secrets().get(desk.store(), &name)?)).await?.unwrap_or_default();
        }
        Ok(Account { kind, address, user, password })
    }

    /// Asks the CRM no more until it is connected again. Changes wait.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn disconnect_crm(&self) -> Result<(), DeskError> {
        self.store().set_setting(WANTED, &false)?;
        *self.runner() = None;
        self.say(DeskEvent::Crm);
        Ok(())
    }

    /// How it is with the CRM.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn crm(&self) -> Result<CrmStatus, DeskError> {
        let connected = self.runner().is_some();
        Ok(CrmStatus { account: self.store().setting(ACCOUNT)?, connected, standing: self.store().standing()? })
    }

    /// Something waits for the CRM.
    pub(crate) fn crm_has_work(&self) {
        if let Some(runner) = &*self.runner() {
            runner.wake();
        }
        self.say(DeskEvent::Crm);
    }

    /// Asks the CRM now: what waits is sent, and what is new is fetched. When it was stopped by a question, `may_vanish` answers it.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn crm_now(&self, may_vanish: bool) -> Result<(), DeskError> {
        self.store().go_on(may_vanish)?;
        self.store().pull_now()?;
        self.crm_has_work();
        Ok(())
    }

    /// Sends the customers that the CRM does not know of.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn send_only_here(&self) -> Result<(), DeskError> {
        self.store().send_only_here(self.region(), self.now())?;
        self.crm_has_work();
        Ok(())
    }

    /// Deletes a customer; in the CRM too. His calls and requests stay.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn delete_customer(&self, id: &str) -> Result<(), DeskError> {
        self.store().delete(Entity::Contact, id, self.region(), self.now())?;
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(())
    }

    /// Changes fields of a customer; `seen` is what the operator was shown in them.
    ///
    /// # Errors
    /// When he is gone, or the store refuses.
    pub fn edit_customer(&self, id: &str, patch: &Fields, seen: &Fields) -> Result<(), DeskError> {
        self.store().edit(Entity::Contact, id, patch, seen, self.region(), self.now())?;
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(())
    }

    /// The operator, who was shown the conflict as it is, chooses.
    ///
    /// # Errors
    /// When it is another by now, or the store refuses.
    pub fn choose(&self, conflict: &Conflict, choice: Choice) -> Result<(), DeskError> {
        self.store().choose(conflict, choice, self.region(), self.now())?;
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(())
    }

    /// Sends once more what the CRM refused.
    ///
    /// # Errors
    /// When there is no such entry, or the store refuses.
    pub fn send_again(&self, seq: i64) -> Result<(), DeskError> {
        self.store().send_again(seq, self.region(), self.now())?;
        self.crm_has_work();
        Ok(())
    }

    /// Gives up what the CRM refused.
    ///
    /// # Errors
    /// When there is no such entry, or the store refuses.
    pub fn let_go(&self, seq: i64) -> Result<(), DeskError> {
        self.store().let_go(seq, self.region(), self.now())?;
        self.say(DeskEvent::Records);
        self.crm_has_work();
        Ok(())
    }
}
