//! Exact sliding-log rate limits, one item per (action, subject).
//!
//! Invariant: no half-open interval of one window's length ever holds more than `limit` admissions, for any number of
//! callers and for clocks that disagree by up to half a second (see [`Log`]).
//! Deliberately absent: DynamoDB; `store::limit` runs the conditional write.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::auth::Email;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::error::TooMany;
use crate::random::Random;
use crate::store::Store;
use crate::{Error, Result, UserId, store};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Failed sign-ins of one account from one address: 5 in 15 min.
    SignIn,
    /// Failed sign-ins, registrations and refreshes from one address, whatever the account: 25 in 15 min. Above the
    /// first, so that one person's typing errors do not lock out an office; far below what credential stuffing needs.
    SignInAddress,
    /// Failed sign-ins of one account from anywhere: 100 in 24 h (NIST SP 800-63B-4, 3.2.2). Addresses from which the
    /// account signed in before are exempt, so that strangers cannot lock its owner out.
    SignInAccount,
    /// Calls that a language or vision model may answer: 50 in 15 min (`AI_RATE_LIMIT_MAX_REQUESTS`).
    Ai,
    /// Searches: 30 in 1 min.
    Search,
    /// Uploads: 20 in 1 h.
    Upload,
    /// A room's door and its text: 50 in 1 min. A client that lost its network asks for both, in every room it is in.
    Door,
    /// Everything else: 100 in 15 min (`RATE_LIMIT_MAX_REQUESTS`, `RATE_LIMIT_WINDOW_MS`).
    Other,
}

/// How much of an action is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The public name, in the `RateLimit` headers.
    pub policy: &'static str,
    /// Admissions per window.
    pub limit: u32,
    /// The window.
    pub window: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Action {
    /// The quota under these settings.
    pub fn quota(self, config: &Config) -> Quota {
        let (policy, limit, window) = match self {
            Self::SignIn => ("auth", 5, 15 * MINUTE),
            Self::SignInAddress => ("auth-address", 25, 15 * MINUTE),
            Self::SignInAccount => ("auth-account", 100, 24 * 60 * MINUTE),
            Self::Ai => ("ai", config.rate_limit_ai_requests, config.rate_limit_window),
            Self::Search => ("search", 30, MINUTE),
            Self::Upload => ("upload", 20, 60 * MINUTE),
            Self::Door => ("door", 50, MINUTE),
            Self::Other => ("default", config.rate_limit_requests, config.rate_limit_window),
        };
        Quota { policy, limit, window }
    }
}

/// A client's address as far as limits are concerned: IPv4 whole, IPv6 by /64, because one subscriber holds that many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// The network that `address` counts for; IPv4 mapped into IPv6 counts as IPv4.
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        })
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whose admissions are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A signed-in user, whatever the address, token or key.
    User(UserId),
    /// A client address, for callers who are not signed in.
    Address(ClientIp),
    /// One account from one address: a stranger elsewhere cannot lock the owner out.
    Account(ClientIp, Email),
    /// One account from anywhere.
    Everywhere(Email),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "u#{user}"),
            Self::Address(ip) => write!(f, "ip#{ip}"),
            Self::Everywhere(email) => write!(f, "e#{}", email.as_str()),
            Self::Account(ip, email) => write!(f, "a#{ip}#{}", email.as_str()),
        }
    }
}

/// How far two clocks may disagree (0.5 s each way) plus how late a write may commit after its time was read (2 s, the
/// store's operation timeout): a slot is reused this much after its window has passed.
pub const GUARD: Duration = Duration::from_secs(3);

/// Admission times as stored, oldest first, always as long as the limit; 0 marks a slot that was never used.
///
/// An entry is the admission's time in microseconds followed by three random digits, so that two admissions never
/// share one and a retried write recognises itself.
///
/// The update is `SET l[L] = :now REMOVE l[0]` on condition that `l[0] <= :now - window - guard`. DynamoDB serialises
/// writes to one item, so admissions are totally ordered and the n-th needs the (n-L)-th to be older than window and
/// guard. With clock error at most d and commit delay at most c, commits are `window + guard - 2d - c >= window`
/// apart, hence no window holds L+1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log(pub Vec<u64>);

impl Log {
    /// The log of a subject's first admission.
    pub fn first(quota: &Quota, entry: Entry) -> Self {
        let mut entries = vec![0; quota.limit as usize];
        if let Some(last) = entries.last_mut() {
            *last = entry.0;
        }
        Self(entries)
    }

    /// The log without `entry`, for a refund; `None` if it is not in there.
    pub fn without(&self, entry: Entry) -> Option<Self> {
        let position = self.0.iter().position(|&e| e == entry.0)?;
        let mut entries = self.0.clone();
        entries.remove(position);
        entries.insert(0, 0);
        Some(Self(entries))
    }

    /// Slots that are free at `now`.
    pub fn remaining(&self, quota: &Quota, now: Timestamp) -> u32 {
        let horizon = Entry::horizon(quota, now);
        u32::try_from(self.0.iter().filter(|&&e| e <= horizon).count()).unwrap_or(u32::MAX)
    }

    /// How long until the next slot is free; zero if one is.
    pub fn wait(&self, quota: &Quota, now: Timestamp) -> Duration {
        let oldest = self.0.first().map_or(0, |e| e / Entry::SALTS);
        (Timestamp::from_micros(oldest) + quota.window + GUARD).since(now)
    }

    /// What the conditional write does, for tests and proofs: the log after an admission, or `None` if it is denied.
    pub fn admit(&self, quota: &Quota, entry: Entry) -> Option<Self> {
        let mut entries = self.0.clone();
        (*entries.first()? <= Entry::horizon(quota, entry.time())).then(|| {
            entries.remove(0);
            entries.push(entry.0);
            Self(entries)
        })
    }
}

/// One admission: its time and a random salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry(pub u64);

impl Entry {
    const SALTS: u64 = 1_000;

    /// An admission at `now`; `salt` is reduced to three digits.
    pub fn new(now: Timestamp, salt: u16) -> Self {
        Self(now.micros().saturating_mul(Self::SALTS).saturating_add(u64::from(salt) % Self::SALTS))
    }

    /// When.
    pub fn time(self) -> Timestamp {
        Timestamp::from_micros(self.0 / Self::SALTS)
    }

    /// The newest entry whose slot may be reused at `now`.
    pub fn horizon(quota: &Quota, now: Timestamp) -> u64 {
        (now - quota.window - GUARD).micros().saturating_mul(Self::SALTS)
    }
}

/// A granted admission, for the response headers and for a refund.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The limit that granted it.
    pub quota: Quota,
    /// Admissions left now.
    pub remaining: u32,
    /// Until one more is left.
    pub reset: Duration,
    subject: Subject,
    entry: Entry,
    log: Log,
}

/// The answer of the store to one attempt.
#[derive(Debug)]
pub enum Attempt {
    /// Admitted; the log as it is now.
    Admitted(Log),
    /// Denied; the log as it is.
    Denied(Log),
}

/// The rate limits of this deployment.
#[derive(Debug)]
pub struct Limits {
    store: Store,
    config: Config,
    clock: Clock,
    random: Random,
    denied: Mutex<HashMap<(&'static str, Subject), Timestamp>>,
}

/// Denials that are remembered in the warm instance, so that a flood of denied calls costs no writes.
const REMEMBERED_DENIALS: usize = 1_000;

impl Limits {
    /// The limits that `config` sets.
    pub fn new(store: Store, config: Config, clock: Clock) -> Self {
        Self { store, config, clock, random: Random::system(), denied: Mutex::default() }
    }

    /// Takes one admission, in one conditional write (two for a subject's first).
    ///
    /// # Errors
    /// `TooMany` when the window is full; `Unavailable` when the store cannot tell, which counts as denied.
    pub async fn take(&self, action: Action, subject: Subject) -> Result<Admission> {
        let quota = action.quota(&self.config);
        let now = self.clock.now();
        if let Some(until) = self.remembered(&quota, &subject, now) {
            return Err(too_many(&quota, until.since(now)));
        }
        let entry = Entry::new(now, u16::from_le_bytes(self.random.bytes()?));
        match store::limit::attempt(&self.store, &quota, &subject, entry).await? {
            Attempt::Admitted(log) => Ok(Admission {
                quota,
                remaining: log.remaining(&quota, now),
                reset: log.wait(&quota, now),
                subject,
                entry,
                log,
            }),
            Attempt::Denied(log) => {
                let wait = log.wait(&quota, now);
                self.remember(&quota, subject, now + wait, now);
                Err(too_many(&quota, wait))
            }
        }
    }

    /// Gives an admission back, for limits that count failures only. A refund that loses three races, or that the
    /// store refuses, leaves the admission counted: the limit errs on the strict side.
    pub async fn refund(&self, admission: Admission) {
        let Admission { quota, subject, entry, log, .. } = admission;
        if let Err(error) = store::limit::refund(&self.store, &quota, &subject, entry, log).await {
            tracing::warn!(code = error.code(), policy = quota.policy, "a refund failed");
        }
    }

    fn remembered(&self, quota: &Quota, subject: &Subject, now: Timestamp) -> Option<Timestamp> {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.get(&(quota.policy, subject.clone())).copied().filter(|&until| until > now)
    }

    fn remember(&self, quota: &Quota, subject: Subject, until: Timestamp, now: Timestamp) {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.len() >= REMEMBERED_DENIALS {
            denied.retain(|_, until| *until > now);
        }
        if denied.len() < REMEMBERED_DENIALS {
            denied.insert((quota.policy, subject), until);
        }
    }
}

fn too_many(quota: &Quota, retry_after: Duration) -> Error {
    let Quota { policy, limit, window } = *quota;
    Error::TooMany(TooMany { policy, quota: limit, window, retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> ClientIp {
        ClientIp::new(text.parse().unwrap())
    }

    #[test]
    fn row_33_ipv6_counts_by_64() {
        assert_eq!(ip("2001:db8:1:2:3:4:5:6"), ip("2001:db8:1:2:ffff::1"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_eq!(ip("::ffff:203.0.113.7"), ip("203.0.113.7"));
        assert_ne!(ip("203.0.113.7"), ip("203.0.113.8"));
    }

    #[test]
    fn subjects_never_share_a_key() {
        let email = |text: &str| text.parse::<Email>().unwrap();
        let quota = Action::SignIn.quota(&Config::from_lookup(|_| None).unwrap());
        let key = |subject| store::keys::Key::limit(&quota, &subject);
        assert_ne!(
            key(Subject::Account(ip("10.0.0.1"), email("a@example.com"))),
            key(Subject::Account(ip("10.0.0.2"), email("a@example.com")))
        );
        assert_ne!(key(Subject::Address(ip("10.0.0.1"))), key(Subject::Account(ip("10.0.0.1"), email("a@b.example"))));
    }

    #[test]
    fn a_refund_frees_exactly_one_slot() {
        let quota = Quota { policy: "test", limit: 3, window: MINUTE };
        let now = Timestamp::from_secs(1_000_000);
        let first = Entry::new(now, 1);
        let second = Entry::new(now, 2);
        let log = Log::first(&quota, first).admit(&quota, second).unwrap();
        assert_eq!(log.remaining(&quota, now), 1);
        let refunded = log.without(first).unwrap();
        assert_eq!(refunded.0, [0, 0, second.0]);
        assert_eq!(refunded.without(first), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        /// Row 35: any schedule of callers whose clocks are off by up to half a second and whose writes commit up to
        /// 2 s after they read the time.
        #[test]
        fn row_35_no_window_holds_more_than_the_limit(
            limit in 1_u32..8,
            window_ms in 1_000_u64..20_000,
            calls in prop::collection::vec((0_u64..4_000, -500_i64..=500, 0_u64..=2_000, any::<u16>()), 1..60),
        ) {
            let quota = Quota { policy: "test", limit, window: Duration::from_millis(window_ms) };
            // The store applies writes in order of their commit; each carries the time its caller read before.
            let mut commit_ms = 10_000_000_u64;
            let mut log: Option<Log> = None;
            let mut admitted = Vec::new();
            for (gap, skew, delay, salt) in calls {
                commit_ms += gap;
                let read_ms = (commit_ms - delay).saturating_add_signed(skew);
                let entry = Entry::new(Timestamp::from_micros(read_ms * 1_000), salt);
                let next = match &log {
                    None => Some(Log::first(&quota, entry)),
                    Some(log) => log.admit(&quota, entry),
                };
                if let Some(next) = next {
                    prop_assert_eq!(next.0.len(), limit as usize);
                    log = Some(next);
                    admitted.push(commit_ms);
                }
            }
            for (i, &start) in admitted.iter().enumerate() {
                let within = admitted[i..].iter().take_while(|&&t| t < start + window_ms).count();
                prop_assert!(within <= limit as usize, "{within} of {limit} from {start}");
            }
        }
    }
}
