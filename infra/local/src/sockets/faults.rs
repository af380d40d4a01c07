//! Faults of the WebSocket API, for tests: by rule (this connection's next post is lost) or by seed
//! (chaos, in which every message and post draws its fate).
//!
//! A fate depends on the seed, on which connection since the seed was set it is, and on which message
//! or post of that connection it is; not on how the tasks of this process happen to interleave. So
//! the same clients doing the same things meet the same faults again.

use super::connection::Connection;
use crate::lambda;
use crate::random::Draws;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What happens to one message, answer, post or disconnection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A client's message reaches no function, and nobody is told.
    LoseMessage,
    /// A client's message is delivered twice, at the same time.
    DuplicateMessage,
    /// A client's message is delivered this much later; those behind it overtake it.
    DelayMessage(Duration),
    /// The process that got a client's message is killed this much later, unless it has answered.
    KillAfter(Duration),
    /// The function's answer does not reach the client.
    LoseAnswer,
    /// A post is answered with 200 and never arrives.
    LosePost,
    /// A post is answered with 200 and arrives this much later.
    DelayPost(Duration),
    /// A post is answered with 429, as when the client reads too slowly.
    RefusePost,
    /// `$disconnect` is not invoked.
    SkipDisconnect,
}

/// Which of them a fault hits; all of them, unless narrowed.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    connection: Option<String>,
    route: Option<String>,
    skip: usize,
    times: Option<usize>,
}

impl Rule {
    /// Every message, answer, post or disconnection that the fault is about.
    pub fn new(fault: Fault) -> Self {
        Self { fault, connection: None, route: None, skip: 0, times: None }
    }

    /// Of this connection only.
    pub fn connection(self, id: &str) -> Self {
        Self { connection: Some(id.to_owned()), ..self }
    }

    /// Of messages that take this route only, such as `update` or `$default`.
    pub fn route(self, key: &str) -> Self {
        Self { route: Some(key.to_owned()), ..self }
    }

    /// Let this many pass first.
    pub fn skip(self, count: usize) -> Self {
        Self { skip: count, ..self }
    }

    /// Hit this many, then end.
    pub fn times(self, count: usize) -> Self {
        Self { times: Some(count), ..self }
    }
}

/// What a seed draws from: how likely each fault is, from 0 to 1, and how long a delay may be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Chaos {
    /// Every message is delivered up to this much later, so that the order is anybody's.
    pub message_delay: Duration,
    /// A message reaches no function.
    pub lose_message: f64,
    /// A message is delivered twice.
    pub duplicate_message: f64,
    /// The process that got a message is killed, up to `kill_within` later.
    pub kill: f64,
    /// See `kill`.
    pub kill_within: Duration,
    /// The function's answer does not reach the client.
    pub lose_answer: f64,
    /// Every post and answer arrives up to this much later.
    pub post_delay: Duration,
    /// A post never arrives.
    pub lose_post: f64,
    /// `$disconnect` is not invoked.
    pub skip_disconnect: f64,
}

/// One delivery of a message to its function.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<lambda::Fault>,
    pub(crate) lose_answer: bool,
    pub(crate) answer_delay: Duration,
}

/// What becomes of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Post {
    Arrives(Duration),
    Lost,
    Refused,
}

#[derive(Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    chaos: Option<(u64, Chaos)>,
}

/// What a draw is about, so that the fates of a message and of a post are not the same.
#[derive(Clone, Copy)]
enum Subject {
    Message = 1,
    Post = 2,
    Disconnect = 3,
}

impl Faults {
    pub(crate) fn add(&self, rule: Rule) {
        self.lock(|state| state.rules.push(rule));
    }

    pub(crate) fn seed(&self, seed: u64, chaos: Chaos) {
        self.lock(|state| state.chaos = Some((seed, chaos)));
    }

    pub(crate) fn clear(&self) {
        self.lock(|state| *state = State::default());
    }

    /// The deliveries of a client's message: one, none or two.
    pub(crate) fn message(&self, connection: &Connection, route: &str) -> Vec<Delivery> {
        let nth = connection.messages.fetch_add(1, Ordering::Relaxed);
        self.lock(|state| {
            let (mut first, mut lost, mut twice) = (Delivery::default(), false, false);
            let mut second = first;
            if let Some((chaos, mut draws)) = state.draws(connection, Subject::Message, nth) {
                lost = draws.chance(chaos.lose_message);
                twice = draws.chance(chaos.duplicate_message);
                for delivery in [&mut first, &mut second] {
                    delivery.delay = draws.up_to(chaos.message_delay);
                    delivery.answer_delay = draws.up_to(chaos.post_delay);
                    delivery.lose_answer = draws.chance(chaos.lose_answer);
                    let (killed, after) = (draws.chance(chaos.kill), draws.up_to(chaos.kill_within));
                    delivery.fault = killed.then_some(lambda::Fault::KillAfter(after));
                }
            }
            let about = |fault: Fault| {
                !matches!(fault, Fault::LosePost | Fault::DelayPost(_) | Fault::RefusePost | Fault::SkipDisconnect)
            };
            for fault in state.due(connection, Some(route), about) {
                match fault {
                    Fault::LoseMessage => lost = true,
                    Fault::DuplicateMessage => twice = true,
                    Fault::DelayMessage(delay) => first.delay = delay,
                    Fault::KillAfter(delay) => first.fault = Some(lambda::Fault::KillAfter(delay)),
                    Fault::LoseAnswer => (first.lose_answer, second.lose_answer) = (true, true),
                    _ => {}
                }
            }
            match (lost, twice) {
                (true, _) => Vec::new(),
                (false, false) => vec![first],
                (false, true) => vec![first, second],
            }
        })
    }

    pub(crate) fn post(&self, connection: &Connection) -> Post {
        let nth = connection.posts.fetch_add(1, Ordering::Relaxed);
        self.lock(|state| {
            let mut fate = Post::Arrives(Duration::ZERO);
            if let Some((chaos, mut draws)) = state.draws(connection, Subject::Post, nth) {
                let (lost, delay) = (draws.chance(chaos.lose_post), draws.up_to(chaos.post_delay));
                fate = if lost { Post::Lost } else { Post::Arrives(delay) };
            }
            let about = |fault| matches!(fault, Fault::LosePost | Fault::DelayPost(_) | Fault::RefusePost);
            for fault in state.due(connection, None, about) {
                fate = match fault {
                    Fault::LosePost => Post::Lost,
                    Fault::RefusePost => Post::Refused,
                    Fault::DelayPost(delay) => Post::Arrives(delay),
                    _ => fate,
                };
            }
            fate
        })
    }

    pub(crate) fn skips_disconnect(&self, connection: &Connection) -> bool {
        self.lock(|state| {
            let drawn = state.draws(connection, Subject::Disconnect, 0);
            let skipped = drawn.is_some_and(|(chaos, mut draws)| draws.chance(chaos.skip_disconnect));
            !state.due(connection, None, |fault| fault == Fault::SkipDisconnect).is_empty() || skipped
        })
    }

    fn lock<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl State {
    fn draws(&self, connection: &Connection, subject: Subject, nth: u64) -> Option<(Chaos, Draws)> {
        let (seed, chaos) = self.chaos?;
        Some((chaos, Draws::new([seed, connection.number, subject as u64, nth])))
    }

    /// The faults that are due now; each rule counts what it is about, whatever the others do.
    fn due(&mut self, connection: &Connection, route: Option<&str>, about: impl Fn(Fault) -> bool) -> Vec<Fault> {
        let mut due = Vec::new();
        for rule in &mut self.rules {
            let hit = about(rule.fault)
                && rule.connection.as_deref().is_none_or(|id| id == connection.id)
                && rule.route.as_deref().is_none_or(|key| Some(key) == route)
                && rule.times != Some(0);
            if !hit {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            due.push(rule.fault);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(number: u64) -> Connection {
        Connection::for_tests(&format!("c{number}"), number)
    }

    fn fates(seed: u64, number: u64) -> (Vec<Vec<Delivery>>, Vec<Post>, bool) {
        let faults = Faults::default();
        let chaos = Chaos {
            message_delay: Duration::from_millis(50),
            lose_message: 0.2,
            duplicate_message: 0.2,
            kill: 0.1,
            kill_within: Duration::from_millis(5),
            lose_answer: 0.1,
            post_delay: Duration::from_millis(50),
            lose_post: 0.2,
            skip_disconnect: 0.5,
        };
        faults.seed(seed, chaos);
        let connection = connection(number);
        let messages = (0..200).map(|_| faults.message(&connection, "edit")).collect();
        let posts = (0..200).map(|_| faults.post(&connection)).collect();
        (messages, posts, faults.skips_disconnect(&connection))
    }

    #[test]
    fn a_seed_decides_every_fate_of_a_connection() {
        assert_eq!(fates(7, 1), fates(7, 1));
        assert_ne!(fates(7, 1), fates(8, 1));
        assert_ne!(fates(7, 1), fates(7, 2));
        let (messages, posts, _) = fates(7, 1);
        let count = |deliveries: usize| messages.iter().filter(|fate| fate.len() == deliveries).count();
        assert!((20..60).contains(&count(0)) && (15..55).contains(&count(2)), "{} {}", count(0), count(2));
        let lost = posts.iter().filter(|post| **post == Post::Lost).count();
        assert!((20..60).contains(&lost), "{lost}");
    }

    #[test]
    fn without_chaos_and_rules_nothing_happens() {
        let (faults, connection) = (Faults::default(), connection(1));
        assert_eq!(faults.message(&connection, "edit"), [Delivery::default()]);
        assert_eq!(faults.post(&connection), Post::Arrives(Duration::ZERO));
        assert!(!faults.skips_disconnect(&connection));
    }

    #[test]
    fn a_rule_is_narrowed_skips_hits_and_ends() {
        let (faults, one, two) = (Faults::default(), connection(1), connection(2));
        faults.add(Rule::new(Fault::DuplicateMessage).connection("c1").route("edit").skip(1).times(1));
        faults.add(Rule::new(Fault::LosePost).connection("c2").times(1));
        assert_eq!(faults.message(&two, "edit").len(), 1);
        assert_eq!(faults.message(&one, "join").len(), 1);
        assert_eq!([0; 3].map(|_| faults.message(&one, "edit").len()), [1, 2, 1]);
        assert_eq!(faults.post(&one), Post::Arrives(Duration::ZERO));
        assert_eq!([0; 2].map(|_| faults.post(&two)), [Post::Lost, Post::Arrives(Duration::ZERO)]);
        faults.add(Rule::new(Fault::SkipDisconnect).times(1));
        assert!(faults.skips_disconnect(&one) && !faults.skips_disconnect(&two));
    }
}
