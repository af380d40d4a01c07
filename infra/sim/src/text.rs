//! A client's copy of the text: a document of Yjs, or just the text.

use aura::rooms::Op;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use yrs::updates::decoder::Decode;
use yrs::{ClientID, Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text as _, TextRef, Transact, Update};

use crate::client::Follows;

/// A copy.
pub struct Text(Copy);

enum Copy {
    Yjs { doc: Doc, root: TextRef, cid: Option<u64> },
    Plain(String),
}

fn document(cid: u64) -> (Doc, TextRef) {
    let mut options = Options::with_client_id(ClientID::new(cid));
    options.offset_kind = OffsetKind::Utf16;
    let doc = Doc::with_options(options);
    let root = doc.get_or_insert_text("text");
    (doc, root)
}

impl Text {
    /// An empty one.
    pub fn new(follows: Follows) -> Self {
        Self(match follows {
            Follows::Yjs => {
                let (doc, root) = document(0);
                Copy::Yjs { doc, root, cid: None }
            }
            Follows::Json => Copy::Plain(String::new()),
        })
    }

    /// What it is signed with, once that is known.
    pub fn cid(&self) -> Option<u64> {
        match &self.0 {
            Copy::Yjs { cid, .. } => *cid,
            Copy::Plain(_) => None,
        }
    }

    /// From now on, changes are signed with another client id.
    pub fn sign_with(&mut self, new: u64) {
        if let Copy::Yjs { doc, root, cid } = &mut self.0 {
            let all = doc.transact().encode_state_as_update_v1(&StateVector::default());
            (*doc, *root) = document(new);
            *cid = Some(new);
            self.apply(&all);
        }
    }

    /// The text.
    pub fn text(&self) -> String {
        match &self.0 {
            Copy::Yjs { doc, root, .. } => root.get_string(&doc.transact()),
            Copy::Plain(text) => text.clone(),
        }
    }

    /// Makes changes, and gives them as an update.
    pub fn write(&self, ops: &[Op]) -> Vec<u8> {
        let Copy::Yjs { doc, root, .. } = &self.0 else { return Vec::new() };
        let mut txn = doc.transact_mut();
        for op in ops {
            let (position, length, content) = op.parts();
            if length > 0 {
                root.remove_range(&mut txn, position, length);
            }
            if !content.is_empty() {
                root.insert(&mut txn, position, content);
            }
        }
        txn.encode_update_v1()
    }

    /// Takes in an update.
    ///
    /// # Panics
    /// If it is none, or builds on what is not here: a client that follows the log never gets such a one.
    #[expect(clippy::expect_used, reason = "a failed simulation")]
    pub fn apply(&self, update: &[u8]) {
        if let Copy::Yjs { doc, .. } = &self.0 {
            let update = Update::decode_v1(update).expect("an update");
            let mut txn = doc.transact_mut();
            txn.apply_update(update).expect("an update that fits");
            assert!(!txn.has_missing_updates(), "an update that builds on nothing but what came before");
        }
    }

    /// The same, as it is sent.
    ///
    /// # Panics
    /// If it is no base64.
    #[expect(clippy::expect_used, reason = "a failed simulation")]
    pub fn apply_base64(&self, update: &str) {
        self.apply(&STANDARD.decode(update).expect("base64"));
    }

    /// Replaces a text without history.
    pub fn set(&mut self, text: &str) {
        if let Copy::Plain(own) = &mut self.0 {
            text.clone_into(own);
        }
    }
}

/// What a log says, read in its order and all at once.
///
/// # Panics
/// If both differ, or an entry does not fit.
#[must_use]
#[expect(clippy::expect_used, reason = "a failed simulation")]
pub fn oracle(updates: &[Vec<u8>]) -> String {
    let text = Text::new(Follows::Yjs);
    updates.iter().for_each(|update| text.apply(update));
    let at_once = Text::new(Follows::Yjs);
    at_once.apply(&yrs::merge_updates_v1(updates).expect("updates that merge"));
    assert_eq!(text.text(), at_once.text(), "the order of a log is one of those that Yjs allows");
    text.text()
}
