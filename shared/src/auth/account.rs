//! Accounts: registration and sign-in.
//!
//! Deliberately absent: proof of the email address and password resets, which need mail.

use serde::{Deserialize, Serialize};

use super::password::{self, Password};
use super::session::{self, Opened};
use super::{Email, Permission, Role};
use crate::clock::Timestamp;
use crate::error::{Conflict, Denial};
use crate::limits::{Action, Admission, ClientIp, Subject};
use crate::{App, Error, Result, TenantId, UserId, store};

/// A user as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's name in tokens and keys.
    pub id: UserId,
    /// The tenant whose data the user sees.
    pub tenant: TenantId,
    /// The address the account is known by.
    pub email: Email,
    /// What the user wants to be called.
    pub name: DisplayName,
    /// What the user may do.
    pub role: Role,
    /// False for a disabled account: it cannot sign in, and its sessions have ended.
    pub active: bool,
    /// Sessions and tokens of an earlier epoch have ended.
    pub epoch: u32,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What clients see of a user.
#[derive(Debug, Clone, Serialize)]
pub struct Profile {
    id: UserId,
    email: Email,
    name: DisplayName,
    role: Role,
    permissions: &'static [Permission],
}

impl From<&User> for Profile {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role,
            permissions: user.role.permissions(),
        }
    }
}

/// 1 to 100 characters that can be shown to other people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DisplayName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        let name = text.trim();
        // Controls, directional overrides and tag characters can make a name look like another one.
        let hidden = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        };
        if (1..=100).contains(&name.chars().count()) && !name.chars().any(hidden) {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::invalid("`name` has 1 to 100 visible characters."))
    }
}

/// Creates an account and its first session.
///
/// A taken address is told, since success and conflict cannot look alike where success opens a session; it costs one
/// of the address's 25 failures in 15 min.
///
/// # Errors
/// WEAK_PASSWORD, EMAIL_TAKEN, or RATE_LIMITED.
pub async fn register(app: &App, ip: ClientIp, email: Email, password: &Password, name: DisplayName) -> Result<Opened> {
    password.check_strength(app.config.password_min_length)?;
    let (admission, account) = tokio::join!(
        app.limits.take(Action::SignInAddress, Subject::Address(ip)),
        app.limits.take(Action::Other, Subject::Address(ip)),
    );
    let admission = admission?;
    account?;
    let user = User {
        id: app.random.id()?,
        tenant: app.random.id()?,
        email,
        name,
        role: Role::User,
        active: true,
        epoch: 0,
        created_at: app.clock.now(),
    };
    let phc = password.hash(&app.random)?;
    let session = session::new(app, &user)?;
    if !store::user::create(&app.store, &user, &phc, &session).await? {
        return Err(Error::Conflict(Conflict::EmailTaken));
    }
    let (tokens, (), ()) = tokio::join!(
        session::tokens(app, &user, &session),
        app.limits.refund(admission),
        remember_address(app, &user, ip),
    );
    Ok(Opened { tokens: tokens?, user: Profile::from(&user) })
}

/// Exchanges a password for a session, in three rounds of DynamoDB calls.
///
/// Failures are counted per (account, address), per address and per account before the password is looked at, and a
/// success is given back: guesses in parallel are held to the limits too.
///
/// # Errors
/// INVALID_CREDENTIALS, alike for unknown, disabled and wrong; RATE_LIMITED.
pub async fn login(app: &App, ip: ClientIp, email: Email, password: &Password) -> Result<Opened> {
    let denied = || Error::Unauthenticated(Denial::Credentials);
    let (by_account, by_address, everywhere, credentials) = tokio::join!(
        app.limits.take(Action::SignIn, Subject::Account(ip, email.clone())),
        app.limits.take(Action::SignInAddress, Subject::Address(ip)),
        app.limits.take(Action::SignInAccount, Subject::Everywhere(email.clone())),
        store::user::credentials(&app.store, &email),
    );
    let (by_account, by_address, credentials) = (by_account?, by_address?, credentials?);
    // An unknown account costs the same reads and the same hash as a known one.
    let id = credentials.as_ref().map_or_else(|| app.random.id(), |known| Ok(known.user))?;
    let everywhere = match everywhere {
        Err(Error::TooMany(_)) if store::known_address::contains(&app.store, id, ip, app.clock.now()).await? => None,
        other => Some(other?),
    };
    let user = store::user::by_id(&app.store, id).await?;
    let stored = credentials.as_ref().map(|known| known.phc.as_str());
    let matches = password.matches(stored)?;
    let user = user.filter(|user| matches && user.active).ok_or_else(denied)?;
    let renewed = match stored.filter(|phc| password::is_outdated(phc)) {
        Some(_) => Some(password.hash(&app.random)?),
        None => None,
    };
    let session = session::new(app, &user)?;
    let (opened, tokens, (), ()) = tokio::join!(
        store::session::open(&app.store, &user, &session, renewed.as_deref()),
        session::tokens(app, &user, &session),
        forgive(app, [Some(by_account), Some(by_address), everywhere]),
        remember_address(app, &user, ip),
    );
    // The account changed between the read and the write: whatever the password was, the answer is no.
    if !opened? {
        return Err(denied());
    }
    Ok(Opened { tokens: tokens?, user: Profile::from(&user) })
}

/// Changes the role of a user.
///
/// # Errors
/// OWN_ROLE, so that the last administrator stays one; NOT_FOUND.
pub async fn set_role(app: &App, administrator: &User, id: UserId, role: Role) -> Result<User> {
    if administrator.id == id {
        return Err(Error::Conflict(Conflict::OwnRole));
    }
    let changed = store::user::set_role(&app.store, id, role).await?.ok_or(Error::NotFound { what: "user" })?;
    tracing::info!(administrator = %administrator.id, user = %id, role = %role, "role changed");
    Ok(changed)
}

/// Makes an administrator of the account behind an address, on the operator's authority.
///
/// # Errors
/// NOT_FOUND until somebody registered with the address.
pub async fn grant_admin(app: &App, email: &Email) -> Result<User> {
    let missing = || Error::NotFound { what: "account" };
    let known = store::user::credentials(&app.store, email).await?.ok_or_else(missing)?;
    let changed = store::user::set_role(&app.store, known.user, Role::Admin).await?.ok_or_else(missing)?;
    tracing::info!(administrator = "operator", user = %known.user, role = %Role::Admin, "role changed");
    Ok(changed)
}

/// Gives back what a success had reserved.
async fn forgive(app: &App, [a, b, c]: [Option<Admission>; 3]) {
    let refund = async |admission| {
        if let Some(admission) = admission {
            app.limits.refund(admission).await;
        }
    };
    tokio::join!(refund(a), refund(b), refund(c));
}

/// Notes that an account signed in from here; without the note, only an attack on the account is felt.
async fn remember_address(app: &App, user: &User, ip: ClientIp) {
    if let Err(error) = store::known_address::put(&app.store, user.id, ip, app.clock.now()).await {
        tracing::warn!(code = error.code(), "a known address was not noted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_41_names_hide_nothing() {
        let name = |text: &str| DisplayName::try_from(text.to_owned());
        assert_eq!(name("  Ann Lee ").unwrap().as_str(), "Ann Lee");
        assert!(name(&"é".repeat(100)).is_ok());
        for text in ["", "   ", "a\0b", "a\u{202e}b", "a\nb", "a\u{e0041}b", "a\u{200b}b", "\u{1b}[31m"] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert!(name(&"x".repeat(101)).is_err());
    }
}
