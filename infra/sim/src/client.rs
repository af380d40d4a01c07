//! Somebody who types. Follows the protocol as the real client does: one change under way, the same bytes when it is sent
//! again, entries in order, a question when there is a hole.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use aura::rooms::{Op, Rev, edit};
use aura::ticket::Guest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::chance::Count;
use crate::gateway::{Gateway, Heard};
use crate::text::Text;

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

    async fn hear(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap_or_default() {
            "welcome" => self.welcome(frame).await,
            "ack" => self.ack(frame),
            "nack" => self.nack(frame),
            "update" | "patch" => self.entry(frame),
            "batch" => {
                for entry in frame["updates"].as_array().into_iter().flatten() {
                    self.entry(entry);
                }
            }
            "snapshot" => self.fetch().await,
            "behind" => self.wanted = self.wanted.max(frame["rev"].as_u64().unwrap_or_default()),
            "role" | "user-joined" | "user-left" | "presence" => {}
            // API Gateway's own, for a function that died.
            "" => {
                if let Some(sent) = &mut self.sent {
                    sent.again = sent.again.min(Instant::now() + Duration::from_millis(300));
                }
            }
            other => self.complain(format!("an unknown frame: {other}")),
        }
        self.advance();
    }

    async fn welcome(&mut self, frame: &Value) {
        self.joined = true;
        // A message may have been sent while this one was on its way.
        self.beat = Instant::now() + Duration::from_millis(1_500);
        if let Some(cid) = frame["clientId"].as_u64() {
            self.text.sign_with(cid);
        }
        let rev = frame["rev"].as_u64().unwrap_or_default();
        let state = &frame["state"];
        if let Some(update) = state["update"].as_str() {
            self.text.apply_base64(update);
            self.reached(rev);
        } else if let Some(text) = state["text"].as_str() {
            self.whole_text(rev, text);
        } else {
            self.fetch().await;
        }
        if let Some(sent) = &mut self.sent {
            sent.again = Instant::now();
        }
    }

    /// The room's snapshot over HTTP, which may fail.
    async fn fetch(&mut self) {
        self.tally.wholes.up();
        let room = self.guest.room;
        let state = self.gateway.server.run(&self.gateway.chance, |app| app.rooms.state(room, None)).await;
        let Some(Ok(state)) = state else {
            self.wanted = self.wanted.max(self.rev + 1);
            return;
        };
        match self.follows {
            Follows::Yjs => {
                self.text.apply(&state.update);
                self.reached(state.rev);
            }
            Follows::Json => self.whole_text(state.rev, &state.text),
        }
    }

    fn whole_text(&mut self, rev: Rev, text: &str) {
        if rev >= self.rev {
            self.text.set(text);
            self.reached(rev);
        }
    }

    fn reached(&mut self, rev: Rev) {
        self.rev = self.rev.max(rev);
        self.past.push_back((self.rev, self.text.text()));
        if self.past.len() > REMEMBERED {
            self.past.pop_front();
        }
        self.advance();
    }

    fn ack(&mut self, frame: &Value) {
        let (Some(n), Some(rev)) = (frame["n"].as_u64(), frame["rev"].as_u64()) else {
            return self.complain(format!("a strange ack: {frame}"));
        };
        let before = self.state.borrow_mut().acked.insert(n, rev);
        if before.is_some_and(|before| before != rev) {
            self.complain(format!("change {n} was acknowledged as {before:?} and as {rev}"));
        }
        if self.sent.as_ref().is_none_or(|sent| sent.n != n) {
            return;
        }
        let sent = self.sent.take();
        match self.follows {
            Follows::Yjs => {
                // What it does is known here already.
                let own = sent.map(|sent| sent.frame["u"].clone()).unwrap_or_default();
                self.early.insert(rev, json!({ "rev": rev, "u": own }));
            }
            Follows::Json => self.entry(&frame["patch"]),
        }
    }

    fn nack(&mut self, frame: &Value) {
        let n = frame["n"].as_u64();
        let ours = n.is_some() && self.sent.as_ref().map(|sent| sent.n) == n;
        match frame["code"].as_str().unwrap_or_default() {
            "retry" => {
                let later =
                    Instant::now() + Duration::from_millis(100) + self.gateway.chance.up_to(Duration::from_millis(400));
                match &mut self.sent {
                    Some(sent) if ours => sent.again = later,
                    _ if frame["action"] == "join" => self.join_again = later,
                    _ => {}
                }
            }
            "not_joined" => {
                self.joined = false;
                self.join_again = Instant::now();
            }
            // Decide again, on the text as it is now.
            "stale_base" if ours => {
                self.sent = None;
                if let (Some(rev), Some(text)) = (frame["rev"].as_u64(), frame["text"].as_str()) {
                    self.past.clear();
                    self.past.push_back((self.rev, self.text.text()));
                    self.whole_text(rev, text);
                }
            }
            "forbidden" if ours && self.state.borrow().demoted_at.is_some() => {
                // What was not acknowledged is given up, and the text is read anew.
                self.state.borrow_mut().forbidden.extend(n);
                (self.sent, self.left) = (None, 0);
                self.waiting.clear();
                self.early.clear();
                self.text = Text::new(self.follows);
                (self.rev, self.wanted) = (0, 0);
                self.joined = false;
                self.join_again = Instant::now();
            }
            _ if !ours && n.is_some() => {}
            code => self.complain(format!("{code}: {frame} to {:?}", self.sent)),
        }
    }

    /// An entry, or a way between two texts: kept until it is its turn.
    fn entry(&mut self, entry: &Value) {
        let from = entry["from"].as_u64().map(|from| from + 1).or_else(|| entry["rev"].as_u64());
        let Some(from) = from else { return self.complain(format!("a strange entry: {entry}")) };
        let to = entry["to"].as_u64().unwrap_or(from);
        if to > self.rev {
            // Of two ways from one text, the longer one.
            let longer = self.early.get(&from).is_none_or(|known| known["to"].as_u64().unwrap_or(from) < to);
            if longer {
                self.early.insert(from, entry.clone());
            }
        }
    }

    fn advance(&mut self) {
        self.early.retain(|from, entry| entry["to"].as_u64().unwrap_or(*from) > self.rev);
        while let Some(entry) = self.early.remove(&(self.rev + 1)) {
            if let Some(update) = entry["u"].as_str() {
                self.text.apply_base64(update);
                self.rev += 1;
            } else {
                let ops: Vec<Op> = serde_json::from_value(entry["ops"].clone()).unwrap_or_default();
                let text = self.text.text();
                match if ops.is_empty() { Ok(text) } else { edit::apply(&text, &ops) } {
                    Ok(text) => self.text.set(&text),
                    Err(refusal) => return self.complain(format!("a patch does not fit: {refusal:?} {entry}")),
                }
                self.rev = entry["to"].as_u64().unwrap_or(self.rev + 1);
            }
            self.past.push_back((self.rev, self.text.text()));
            if self.past.len() > REMEMBERED {
                self.past.pop_front();
            }
            self.early.retain(|from, entry| entry["to"].as_u64().unwrap_or(*from) > self.rev);
        }
        let whole = self.early.is_empty() && self.rev >= self.wanted;
        match (whole, self.hole) {
            (true, _) => self.hole = None,
            (false, None) => self.hole = Some(Instant::now() + HOLE),
            (false, Some(_)) => {}
        }
    }

    fn complain(&mut self, complaint: String) {
        self.state.borrow_mut().complaint.get_or_insert(format!("{}: {complaint}", self.session));
    }
}

/// Something that one may do to a text.
fn some_ops(chance: &crate::chance::Chance, text: &str, session: &str, serial: u64) -> Vec<Op> {
    let mut text = text.to_owned();
    let mut ops = Vec::new();
    for _ in 0..=chance.below(2) {
        let starts: Vec<u32> = std::iter::once(0)
            .chain(text.chars().scan(0, |at, character| {
                *at += u32::try_from(character.len_utf16()).unwrap_or(1);
                Some(*at)
            }))
            .collect();
        let place = chance.place(starts.len());
        let position = starts[place];
        // Whole characters: a client does not cut one either.
        let end = starts[(place + 1 + chance.place(8)).min(starts.len() - 1)];
        let content = match chance.below(6) {
            0 => "😀".to_owned(),
            1 => "👨‍👩‍👧‍👦é".to_owned(),
            2 => "\n".to_owned(),
            _ => format!("<{session}.{serial}>"),
        };
        let length = end - position;
        let op = match chance.below(10) {
            0..3 if length > 0 => Op::Delete { position, length },
            3 if length > 0 => Op::Replace { position, length, content },
            _ => Op::Insert { position, content },
        };
        match edit::apply(&text, std::slice::from_ref(&op)) {
            Ok(after) => text = after,
            Err(_) => continue,
        }
        ops.push(op);
    }
    ops
}
