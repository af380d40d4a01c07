//! Somebody who types. Follows the protocol as the real client does: one change under way, the same bytes when it is sent
//! again, entries in order, a question when there is a hole.

mod hearing;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use aura::rooms::Rev;
use aura::ticket::Guest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::chance::Count;
use crate::gateway::{Gateway, Heard};
use crate::text::Text;
use crate::typing::some_ops;

/// Before a change counts as unanswered.
const UNANSWERED: Duration = Duration::from_secs(3);
/// How long a hole may be there.
const HOLE: Duration = Duration::from_millis(250);
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Texts of earlier revs that a client without Yjs still remembers.
const REMEMBERED: usize = 6;

/// How somebody follows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// With Yjs.
    Yjs,
    /// By positions.
    Json,
}

/// A change that is not acknowledged.
#[derive(Debug, Clone)]
struct Sent {
    n: u64,
    frame: Value,
    again: Instant,
}

/// What all clients of a run count.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Changes that were made.
    pub changes: Count,
    /// Of them, edits of a text that was no longer the last.
    pub stale: Count,
    /// Changes that were sent again.
    pub resent: Count,
    /// Holes that were asked for.
    pub pulls: Count,
    /// Texts that were taken whole.
    pub wholes: Count,
}

/// What is known of a client from outside.
#[derive(Debug)]
pub struct State {
    /// What it calls itself.
    pub session: String,
    /// The last entry that it has.
    pub rev: Rev,
    /// Its text.
    pub text: String,
    /// Its changes with their places.
    pub acked: BTreeMap<u64, Rev>,
    /// Its changes that were refused because its role was taken away.
    pub forbidden: Vec<u64>,
    /// Numbers of changes from which on it knew, or could know, that it may not write.
    pub demoted_at: Option<u64>,
    /// Changes so far.
    pub n: u64,
    /// Whether nothing is left to say.
    pub idle: bool,
    /// What went wrong.
    pub complaint: Option<String>,
}

/// Somebody who types.
pub struct Client {
    gateway: Rc<Gateway>,
    guest: Guest,
    session: String,
    follows: Follows,
    tally: Tally,
    state: Rc<RefCell<State>>,
    /// Changes still to make, and the time between them.
    left: u64,
    pause: Duration,
    line: Option<(String, mpsc::UnboundedReceiver<Heard>)>,
    joined: bool,
    text: Text,
    /// Texts of the last revs, for edits of what is no longer there.
    past: VecDeque<(Rev, String)>,
    rev: Rev,
    /// The last entry that is known to be there.
    wanted: Rev,
    /// Entries that came too early: what they do, as JSON.
    early: BTreeMap<Rev, Value>,
    /// Updates that were typed while another one was under way.
    waiting: Vec<Vec<u8>>,
    sent: Option<Sent>,
    hole: Option<Instant>,
    beat: Instant,
    type_at: Instant,
    join_again: Instant,
}

impl Client {
    /// A client with `left` changes to make, on average `pause` apart.
    pub fn new(
        gateway: Rc<Gateway>,
        guest: Guest,
        session: String,
        follows: Follows,
        left: u64,
        pause: Duration,
    ) -> Self {
        let now = Instant::now();
        let state = State {
            session: session.clone(),
            rev: 0,
            text: String::new(),
            acked: BTreeMap::new(),
            forbidden: Vec::new(),
            demoted_at: None,
            n: 0,
            idle: false,
            complaint: None,
        };
        Self {
            guest,
            session,
            follows,
            tally: Tally::default(),
            state: Rc::new(RefCell::new(state)),
            left,
            type_at: now + gateway.chance.up_to(pause * 2),
            pause,
            line: None,
            joined: false,
            text: Text::new(follows),
            past: VecDeque::from([(0, String::new())]),
            rev: 0,
            wanted: 0,
            early: BTreeMap::new(),
            waiting: Vec::new(),
            sent: None,
            hole: None,
            beat: now,
            join_again: now,
            gateway,
        }
    }

    /// The same with counters that others share.
    #[must_use]
    pub fn counted(self, tally: &Tally) -> Self {
        Self { tally: tally.clone(), ..self }
    }

    /// What is known of it from outside.
    #[must_use]
    pub fn state(&self) -> Rc<RefCell<State>> {
        Rc::clone(&self.state)
    }

    /// Types, listens and asks until the run ends.
    pub async fn run(mut self) {
        loop {
            self.duties();
            self.show();
            let next = self.next_duty();
            let heard = match &mut self.line {
                Some((_, heard)) => tokio::select! {
                    biased;
                    heard = heard.recv() => heard,
                    () = sleep_until(next) => continue,
                },
                None => {
                    sleep_until(next).await;
                    continue;
                }
            };
            match heard {
                Some(Heard::Frame(frame)) => self.hear(&frame).await,
                Some(Heard::Closed) | None => self.hang_up(),
            }
        }
    }

    fn show(&self) {
        let mut state = self.state.borrow_mut();
        state.rev = self.rev;
        let waits = self.left > 0 || self.sent.is_some() || !self.waiting.is_empty() || !self.early.is_empty();
        state.idle = self.joined && !waits;
        if state.idle {
            state.text = self.text.text();
        }
    }

    fn next_duty(&self) -> Instant {
        let mut next = self.beat;
        next = next.min(if self.joined { next } else { self.join_again });
        if self.left > 0 {
            next = next.min(self.type_at);
        }
        if let Some(sent) = &self.sent {
            next = next.min(sent.again);
        }
        if let Some(hole) = self.hole {
            next = next.min(hole);
        }
        next.max(Instant::now() + Duration::from_millis(1))
    }

    fn duties(&mut self) {
        let now = Instant::now();
        if !self.joined {
            if self.join_again <= now {
                self.join_again = now + UNANSWERED + self.gateway.chance.up_to(Duration::from_secs(1));
                self.join();
            }
        } else {
            if self.sent.as_ref().is_some_and(|sent| sent.again <= now) {
                self.send_again();
            }
            if self.hole.is_some_and(|hole| hole <= now) {
                self.hole = Some(now + UNANSWERED);
                self.tally.pulls.up();
                self.say(&json!({ "action": "pull", "from": self.rev + 1 }));
            }
            if self.beat <= now {
                self.say(&json!({ "action": "heartbeat", "rev": self.rev }));
            }
        }
        if self.beat <= now {
            self.beat = now + HEARTBEAT;
        }
        // Somebody with Yjs types also while there is no connection.
        let may_type = self.follows == Follows::Yjs && self.text.cid().is_some() || self.joined && self.sent.is_none();
        if self.left > 0 && self.type_at <= now {
            self.type_at = now + self.gateway.chance.up_to(self.pause * 2);
            if may_type {
                self.left -= 1;
                self.type_something();
            }
        }
        self.send_next();
    }

    fn say(&self, frame: &Value) {
        if let Some((id, _)) = &self.line {
            self.gateway.send(id, frame);
        }
    }

    fn join(&mut self) {
        let (id, _) = self.line.get_or_insert_with(|| self.gateway.open(&self.guest));
        let kind = if self.follows == Follows::Yjs { "yjs" } else { "json" };
        let frame = json!({ "action": "join", "kind": kind, "session": self.session, "rev": self.rev });
        self.gateway.send(id, &frame);
    }

    fn hang_up(&mut self) {
        self.line = None;
        self.joined = false;
        self.join_again = Instant::now() + self.gateway.chance.up_to(Duration::from_secs(2));
    }

    fn type_something(&mut self) {
        self.tally.changes.up();
        let chance = &self.gateway.chance;
        match self.follows {
            Follows::Yjs => {
                let ops = some_ops(chance, &self.text.text(), &self.session, self.left);
                self.waiting.push(self.text.write(&ops));
            }
            Follows::Json => {
                let (base, text) = self.past[chance.place(self.past.len())].clone();
                if base < self.rev {
                    self.tally.stale.up();
                }
                let ops = some_ops(chance, &text, &self.session, self.left);
                self.send(json!({ "action": "edit", "base": base, "ops": ops }));
            }
        }
    }

    fn send_next(&mut self) {
        if self.sent.is_some() || self.waiting.is_empty() || !self.joined {
            return;
        }
        let update = match yrs::merge_updates_v1(&self.waiting) {
            Ok(update) => update,
            Err(error) => return self.complain(format!("own updates do not merge: {error}")),
        };
        self.waiting.clear();
        self.send(json!({ "action": "update", "u": STANDARD.encode(update) }));
    }

    fn send(&mut self, mut frame: Value) {
        let n = {
            let mut state = self.state.borrow_mut();
            state.n += 1;
            state.n
        };
        frame["n"] = n.into();
        self.say(&frame);
        self.sent = Some(Sent { n, frame, again: Instant::now() + UNANSWERED });
    }

    fn send_again(&mut self) {
        let Some(sent) = &mut self.sent else { return };
        sent.again = Instant::now() + UNANSWERED + self.gateway.chance.up_to(Duration::from_secs(1));
        let frame = sent.frame.clone();
        self.tally.resent.up();
        self.say(&frame);
    }

    fn complain(&mut self, complaint: String) {
        self.state.borrow_mut().complaint.get_or_insert(format!("{}: {complaint}", self.session));
    }
}
