//! What a client does with what it hears.

use std::time::Duration;

use aura::rooms::{Op, Rev, edit};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Client, Follows, HOLE, REMEMBERED};
use crate::text::Text;

impl Client {
    pub(super) async fn hear(&mut self, frame: &Value) {
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
}
