//! Sessions: one login each, kept alive by rotating refresh tokens.
//!
//! A refresh token is used once. Its successor is computed, not stored, so whoever repeats the last rotation within
//! the grace period gets the same successor (a lost answer must not end a session); anything older is reuse, and ends
//! the session for everyone who holds a token of it (RFC 9700, 4.14.2).

use std::time::Duration;

use serde::Serialize;

use super::account::{Profile, User};
use super::refresh_token::RefreshToken;
use super::token::{Claims, Subject};
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::limits::{Action, ClientIp, Subject as LimitSubject};
use crate::{App, Error, Result, SessionId, UserId, store};

/// How long the last rotation may be repeated.
pub const GRACE: Duration = Duration::from_secs(20);
/// A session ends after this many lives of a refresh token, however often it was refreshed.
const LIVES: u32 = 4;
/// How often a rotation may meet another one before it gives up.
const RACES: usize = 5;

/// A session as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name, within its user.
    pub id: SessionId,
    /// Rotations so far: the only refresh token that may rotate is of this generation.
    pub generation: u32,
    /// False once ended: logout, or reuse of a refresh token.
    pub active: bool,
    /// Mixed into every refresh token of the session.
    pub nonce: [u8; 16],
    /// When the last rotation was.
    pub rotated_at: Timestamp,
    /// When it ends unless refreshed before.
    pub idle_until: Timestamp,
    /// When it ends; never extended.
    pub ends_at: Timestamp,
    /// The user's epoch at the login: a session of an earlier epoch has ended.
    pub epoch: u32,
}

/// What a client holds of a session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// The access token, for `Authorization: Bearer`.
    pub token: String,
    /// The refresh token, to be used once.
    pub refresh_token: String,
}

/// The answer to a login or a registration.
#[derive(Debug, Serialize)]
pub struct Opened {
    /// What to authenticate with.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Who signed in.
    pub user: Profile,
}

/// What becomes of a genuine refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the current one: rotate.
    Rotate,
    /// It is the one just rotated, again: the same successor once more.
    Repeat,
    /// It is an old one: end the session.
    Reuse,
    /// The session is over.
    Ended,
}

impl Session {
    /// A new session that was not yet refreshed.
    pub fn new(id: SessionId, nonce: [u8; 16], epoch: u32, now: Timestamp, life: Duration) -> Self {
        let ends_at = now + life * LIVES;
        Self { id, generation: 0, active: true, nonce, rotated_at: now, idle_until: now + life, ends_at, epoch }
    }

    /// Judges a genuine refresh token of `generation`.
    pub fn judge(&self, generation: u32, now: Timestamp) -> Verdict {
        let over = !self.active || now >= self.idle_until || now >= self.ends_at;
        match self.generation.checked_sub(generation) {
            _ if over => Verdict::Ended,
            // A generation that is yet to come cannot be genuine: the session's item was set back.
            None => Verdict::Ended,
            Some(0) => Verdict::Rotate,
            Some(1) if now.since(self.rotated_at) <= GRACE => Verdict::Repeat,
            Some(_) => Verdict::Reuse,
        }
    }

    /// Whether access tokens of this session still hold.
    pub fn holds(&self, user: &User, now: Timestamp) -> bool {
        self.active && user.active && self.epoch == user.epoch && now < self.ends_at
    }
}

/// A new session for `user`, not yet stored.
pub fn new(app: &App, user: &User) -> Result<Session> {
    let (id, nonce) = (app.random.id()?, app.random.bytes()?);
    Ok(Session::new(id, nonce, user.epoch, app.clock.now(), app.config.refresh_token_life))
}

/// The tokens of a session's current generation.
pub async fn tokens(app: &App, user: &User, session: &Session) -> Result<Tokens> {
    let subject =
        Subject { user: user.id, tenant: user.tenant, session: session.id, epoch: user.epoch, role: user.role };
    let claims = Claims::new(subject, app.random.bytes()?, app.clock.now(), app.config.access_token_life);
    let signer = app.signer()?;
    let token = signer.sign(&claims).await?;
    let refresh =
        RefreshToken::mint(&signer.refresh_key().await?, user.id, session.id, session.generation, &session.nonce);
    Ok(Tokens { token, refresh_token: refresh.text() })
}

/// Uses a refresh token: a new access token and the successor.
///
/// # Errors
/// `TokenInvalid` for a forgery, `SessionEnded` after logout, expiry, reuse or a disabled account, `TooMany` after 25
/// failures from one address in 15 min.
pub async fn refresh(app: &App, ip: ClientIp, text: &str) -> Result<Tokens> {
    let token = RefreshToken::parse(text).map_err(Error::Unauthenticated)?;
    let (admission, found) =
        tokio::join!(app.limits.take(Action::SignInAddress, LimitSubject::Address(ip)), load(app, &token));
    let admission = admission?;
    let (user, session) = found?;
    let (user, session) = rotate(app, &token, user, session).await?;
    let (tokens, ()) = tokio::join!(tokens(app, &user, &session), app.limits.refund(admission));
    tokens
}

/// The session of a genuine token, and its user.
async fn load(app: &App, token: &RefreshToken) -> Result<(User, Session)> {
    let (user, session) = store::session::with_user(&app.store, token.user(), token.session()).await?;
    let invalid = Error::Unauthenticated(Denial::TokenInvalid);
    let (Some(user), Some(session)) = (user, session) else { return Err(invalid) };
    let key = app.signer()?.refresh_key().await?;
    if token.is_genuine(&key, &session.nonce) { Ok((user, session)) } else { Err(invalid) }
}

/// The session after this token's use: rotated now, or by the same token a moment ago.
async fn rotate(app: &App, token: &RefreshToken, mut user: User, mut session: Session) -> Result<(User, Session)> {
    let ended = || Error::Unauthenticated(Denial::SessionEnded);
    for _ in 0..RACES {
        let now = app.clock.now();
        if !session.holds(&user, now) {
            return Err(ended());
        }
        match session.judge(token.generation(), now) {
            Verdict::Ended => return Err(ended()),
            Verdict::Repeat => return Ok((user, session)),
            Verdict::Reuse => {
                tracing::warn!(alert = "refresh_token_reuse", user = %user.id, session = %session.id, "session ended");
                end(app, user.id, session.id).await?;
                return Err(ended());
            }
            Verdict::Rotate => {
                let idle_until = (now + app.config.refresh_token_life).min(session.ends_at);
                if store::session::rotate(&app.store, &user, &session, now, idle_until).await? {
                    let generation = session.generation + 1;
                    return Ok((user, Session { generation, rotated_at: now, idle_until, ..session }));
                }
                // Another call was faster, or the account changed: look again.
                (user, session) = load(app, token).await?;
            }
        }
    }
    Err(Error::unavailable("a session is rotated by too many calls at once"))
}

/// Ends a session: its refresh tokens at once, its access tokens within 30 s.
pub async fn end(app: &App, user: UserId, session: SessionId) -> Result<()> {
    store::session::end(&app.store, user, session).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);
    const LIFE: Duration = Duration::from_secs(3_600);

    fn session() -> Session {
        Session::new([1; 16].into(), [2; 16], 0, START, LIFE)
    }

    fn rotated(times: u32, at: Timestamp) -> Session {
        Session { generation: times, rotated_at: at, idle_until: at + LIFE, ..session() }
    }

    #[test]
    fn row_10_a_replay_after_the_grace_period_is_reuse() {
        let at = START + Duration::from_secs(60);
        let session = rotated(1, at);
        assert_eq!(session.judge(0, at + GRACE), Verdict::Repeat);
        assert_eq!(session.judge(0, at + GRACE + Duration::from_micros(1)), Verdict::Reuse);
        assert_eq!(session.judge(1, at), Verdict::Rotate);
    }

    #[test]
    fn row_15_expiry_is_by_the_clock() {
        let session = session();
        assert_eq!(session.judge(0, START + LIFE), Verdict::Ended);
        let refreshed = rotated(9, START + LIFE * LIVES - Duration::from_secs(1));
        assert_eq!(refreshed.judge(9, START + LIFE * LIVES), Verdict::Ended);
        assert_eq!(Session { active: false, ..session }.judge(0, START), Verdict::Ended);
    }

    proptest! {
        /// Row 11: only the last two generations are ever served, the older of them only in the grace period.
        #[test]
        fn row_11_old_generations_are_never_served(generation in 0_u32..9, presented in 0_u32..12, after in 0_u64..60) {
            let session = rotated(generation, START);
            let verdict = session.judge(presented, START + Duration::from_secs(after));
            let expected = match i64::from(generation) - i64::from(presented) {
                ..0 => Verdict::Ended,
                0 => Verdict::Rotate,
                1 if after <= 20 => Verdict::Repeat,
                _ => Verdict::Reuse,
            };
            prop_assert_eq!(verdict, expected);
        }
    }
}
