//! A room's text as a document of Yjs, in UTF-16 units as every client counts.
//!
//! The rules that keep `yrs` safe, each for a fault that was measured in it:
//!
//! - Updates are applied in the log's order, and only those that [`Clocks::admit`] took in: then nothing is ever pending,
//!   and neither a snapshot with pending parts nor an arrival out of order can happen.
//! - Positions are checked before they are used: a removal past the end would end the process.
//! - A client id is used by one document only, and forgotten with it.
//!
//! `catch_unwind` is no rule here: the functions are built to end at a panic, so there must be none.

use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, TextRef, Transact, Update, WriteTxn};

use super::author::Cid;
use super::edit::Op;
use super::outline::Clocks;
use crate::{Error, Result};

/// The name of a room's text, as clients know it: `doc.getText("text")`.
pub const ROOT: &str = "text";

/// An update that changes nothing.
pub const NOTHING: &[u8] = &[0, 0];

/// A text with its history.
pub struct Document {
    doc: Doc,
    root: TextRef,
}

impl Document {
    /// An empty text; what `write` adds is signed with `cid`.
    pub fn new(cid: Cid) -> Self {
        let mut options = Options::with_client_id(ClientID::new(cid.get()));
        options.offset_kind = OffsetKind::Utf16;
        let doc = Doc::with_options(options);
        let root = doc.get_or_insert_text(ROOT);
        Self { doc, root }
    }

    /// The text of a snapshot.
    ///
    /// # Errors
    /// `Internal` if the snapshot does not stand on its own.
    pub fn load(cid: Cid, snapshot: &[u8]) -> Result<Self> {
        let document = Self::new(cid);
        if !document.apply(snapshot)? {
            return Err(Error::internal("a snapshot builds on what it does not hold"));
        }
        Ok(document)
    }

    /// Takes in an update. False if it builds on what is not there; then nothing of that remains.
    ///
    /// # Errors
    /// `Internal` if it is no update.
    pub fn apply(&self, update: &[u8]) -> Result<bool> {
        let update = Update::decode_v1(update).map_err(Error::internal)?;
        let mut txn = self.doc.transact_mut();
        txn.apply_update(update).map_err(Error::internal)?;
        Ok(!txn.has_missing_updates() || txn.prune_pending().is_none())
    }

    /// Applies checked operations, one after the other, and gives the update that does the same elsewhere.
    pub(super) fn write(&self, ops: &[Op]) -> Vec<u8> {
        let mut txn = self.doc.transact_mut();
        for op in ops {
            let (position, length, content) = op.parts();
            if length > 0 {
                self.root.remove_range(&mut txn, position, length);
            }
            if !content.is_empty() {
                self.root.insert(&mut txn, position, content);
            }
        }
        txn.encode_update_v1()
    }

    /// The text.
    pub fn text(&self) -> String {
        self.root.get_string(&self.doc.transact())
    }

    /// All of it, history included, as one update.
    pub fn encode(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    /// How much of each client's writing is in it.
    pub fn clocks(&self) -> Clocks {
        let state = self.doc.transact().state_vector();
        state.iter().filter_map(|(client, clock)| Some((Cid::new(client.get())?, *clock))).collect()
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}

/// The clocks of a snapshot, without building its document.
pub fn clocks_of(snapshot: &[u8]) -> Result<Clocks> {
    let update = Update::decode_v1(snapshot).map_err(Error::internal)?;
    let state = update.state_vector();
    Ok(state.iter().filter_map(|(client, clock)| Some((Cid::new(client.get())?, *clock))).collect())
}

/// Several updates as one, for a reader who has what they build on.
pub fn merge<'a>(updates: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>> {
    yrs::merge_updates_v1(updates).map_err(Error::internal)
}
