//! What is in a Yjs update, read without a document: an update is judged here before any document sees it.
//!
//! The format is Yjs's update v1. A room is one plain text, so few parts of the format are taken:
//!
//! | part | taken |
//! |---|---|
//! | block | text, or text that its author deleted again; in the root `text`, without map key |
//! | client id | each once; whose they are is the caller's matter |
//! | deletions | ranges in ascending order, each client once |
//!
//! Refused: other roots, nested types, formats, embedded values, subdocuments, binary, JSON, garbage-collected and
//! skipped blocks, empty blocks, numbers that are too large or longer than they must be, bytes after the end.
//!
//! [`Clocks::admit`] then refuses what does not follow from the changes before it: a gap in an author's clock, an origin
//! or a deletion of something that is not there, a block that is only partly known. So what a room has taken in always
//! integrates at once, in the log's order, for every reader.

use std::collections::BTreeMap;

use super::author::Cid;
use super::document::ROOT;
use super::failure::Refusal;

/// Largest clock, length and count: what every implementation keeps in 31 bits.
const MOST: u64 = (1 << 31) - 1;

const HAS_ORIGIN: u8 = 0b1000_0000;
const HAS_RIGHT_ORIGIN: u8 = 0b0100_0000;
const HAS_PARENT_SUB: u8 = 0b0010_0000;
const CONTENT: u8 = 0b0001_1111;
const DELETED: u8 = 1;
const STRING: u8 = 4;

/// The place of one unit of text: who wrote it, and as their how many-th.
type Id = (Cid, u32);

/// A run of units that one client wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    length: u32,
    origin: Option<Id>,
    right_origin: Option<Id>,
}

/// What one client wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    cid: Cid,
    start: u32,
    blocks: Vec<Block>,
}

/// An update, as far as it must be known to admit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    sections: Vec<Section>,
    /// Client, first clock, length.
    deletions: Vec<(Cid, u32, u32)>,
}

impl Outline {
    /// Reads an update.
    ///
    /// # Errors
    /// `Bad` if it is not an update, or not one that a room takes.
    pub fn read(update: &[u8]) -> Result<Self, Refusal> {
        let mut input = Input { rest: update };
        let mut sections: Vec<Section> = Vec::new();
        for _ in 0..input.number()? {
            let section = input.section()?;
            if sections.iter().any(|other| other.cid == section.cid) {
                return Err(Refusal::Bad("A client id occurs twice in the update."));
            }
            sections.push(section);
        }
        let deletions = input.deletions()?;
        if !input.rest.is_empty() {
            return Err(Refusal::Bad("There are bytes after the update's end."));
        }
        Ok(Self { sections, deletions })
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty() && self.deletions.is_empty()
    }

    /// Whether it only deletes.
    pub fn only_deletes(&self) -> bool {
        self.sections.is_empty()
    }

    /// Who wrote what is in it. Deletions are anonymous.
    pub fn cids(&self) -> impl Iterator<Item = Cid> {
        self.sections.iter().map(|section| section.cid)
    }
}

/// How much of each client's writing is known: Yjs's state vector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks(BTreeMap<Cid, u32>);

impl Clocks {
    /// The first clock of a client that is not known.
    pub fn next(&self, cid: Cid) -> u32 {
        self.0.get(&cid).copied().unwrap_or(0)
    }

    /// Each client with its next clock.
    pub fn iter(&self) -> impl Iterator<Item = (Cid, u32)> {
        self.0.iter().map(|(cid, next)| (*cid, *next))
    }

    /// Takes in an update that builds on nothing but what is known; nothing changes if it does not.
    ///
    /// # Errors
    /// `Gap`, or `Bad` for a block that is only partly new.
    pub fn admit(&mut self, outline: &Outline) -> Result<(), Refusal> {
        let mut ends: BTreeMap<Cid, u32> = BTreeMap::new();
        // Blocks of several clients may build on each other, in any order that works out.
        let mut waiting: Vec<(&Section, u32, &[Block])> = Vec::new();
        for section in &outline.sections {
            if section.start > self.next(section.cid) {
                return Err(Refusal::Gap);
            }
            waiting.push((section, section.start, &section.blocks));
        }
        while !waiting.is_empty() {
            let before: usize = waiting.iter().map(|(_, _, blocks)| blocks.len()).sum();
            for (section, clock, blocks) in &mut waiting {
                while let Some((block, rest)) = blocks.split_first() {
                    let known = |cid| ends.get(&cid).copied().unwrap_or_else(|| self.next(cid));
                    let there = |id: Option<Id>| id.is_none_or(|(cid, clock)| clock < known(cid));
                    if !there(block.origin) || !there(block.right_origin) {
                        break;
                    }
                    let end = *clock + block.length;
                    let next = known(section.cid);
                    if *clock < next && next < end {
                        return Err(Refusal::Bad("A part of a block is known already."));
                    }
                    ends.insert(section.cid, next.max(end));
                    (*clock, *blocks) = (end, rest);
                }
            }
            waiting.retain(|(_, _, blocks)| !blocks.is_empty());
            if waiting.iter().map(|(_, _, blocks)| blocks.len()).sum::<usize>() == before {
                return Err(Refusal::Gap);
            }
        }
        let known = |cid| ends.get(&cid).copied().unwrap_or_else(|| self.next(cid));
        if outline.deletions.iter().any(|(cid, start, length)| start + length > known(*cid)) {
            return Err(Refusal::Gap);
        }
        self.0.extend(ends);
        Ok(())
    }
}

impl FromIterator<(Cid, u32)> for Clocks {
    fn from_iter<T: IntoIterator<Item = (Cid, u32)>>(clocks: T) -> Self {
        Self(clocks.into_iter().collect())
    }
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, Refusal> {
        let (first, rest) = self.rest.split_first().ok_or(Refusal::Bad("The update ends too early."))?;
        self.rest = rest;
        Ok(*first)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Refusal::Bad("The update ends too early."))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(Refusal::Bad("A number is longer than it must be.")) };
            }
        }
        Err(Refusal::Bad("A number is too large."))
    }

    fn number(&mut self) -> Result<u32, Refusal> {
        let value = self.varint()?;
        if value > MOST {
            return Err(Refusal::Bad("A number is too large."));
        }
        u32::try_from(value).map_err(|_| Refusal::Bad("A number is too large."))
    }

    fn cid(&mut self) -> Result<Cid, Refusal> {
        Cid::new(self.varint()?).ok_or(Refusal::Bad("A client id is too large."))
    }

    fn id(&mut self) -> Result<Id, Refusal> {
        Ok((self.cid()?, self.number()?))
    }

    fn string(&mut self) -> Result<&'a str, Refusal> {
        let length = self.number()?;
        let bytes = self.bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        std::str::from_utf8(bytes).map_err(|_| Refusal::Bad("A text is not UTF-8."))
    }

    fn section(&mut self) -> Result<Section, Refusal> {
        let count = self.number()?;
        let cid = self.cid()?;
        let start = self.number()?;
        if count == 0 {
            return Err(Refusal::Bad("A client's part of the update is empty."));
        }
        let mut end = u64::from(start);
        let mut blocks = Vec::new();
        for _ in 0..count {
            let block = self.block()?;
            end += u64::from(block.length);
            if end > MOST {
                return Err(Refusal::Bad("A number is too large."));
            }
            blocks.push(block);
        }
        Ok(Section { cid, start, blocks })
    }

    fn block(&mut self) -> Result<Block, Refusal> {
        let info = self.byte()?;
        let kind = info & CONTENT;
        if info & HAS_PARENT_SUB != 0 || !matches!(kind, DELETED | STRING) {
            return Err(Refusal::Bad("A room is one plain text: no formats, no embedded values, no nested types."));
        }
        let origin = if info & HAS_ORIGIN != 0 { Some(self.id()?) } else { None };
        let right_origin = if info & HAS_RIGHT_ORIGIN != 0 { Some(self.id()?) } else { None };
        if origin.is_none() && right_origin.is_none() && (self.byte()? != 1 || self.string()? != ROOT) {
            return Err(Refusal::Bad("The text of a room is the root type named `text`."));
        }
        let length = match kind {
            DELETED => u64::from(self.number()?),
            _ => self.string()?.encode_utf16().count() as u64,
        };
        match u32::try_from(length) {
            Ok(length @ 1..) => Ok(Block { length, origin, right_origin }),
            _ => Err(Refusal::Bad("A block is empty.")),
        }
    }

    fn deletions(&mut self) -> Result<Vec<(Cid, u32, u32)>, Refusal> {
        let mut deletions = Vec::new();
        let mut seen: Vec<Cid> = Vec::new();
        for _ in 0..self.number()? {
            let cid = self.cid()?;
            if seen.contains(&cid) {
                return Err(Refusal::Bad("A client id occurs twice in the update's deletions."));
            }
            seen.push(cid);
            let mut end = 0;
            let count = self.number()?;
            if count == 0 {
                return Err(Refusal::Bad("A client's deletions are empty."));
            }
            for _ in 0..count {
                let (start, length) = (self.number()?, self.number()?);
                if length == 0 || start < end || u64::from(start) + u64::from(length) > MOST {
                    return Err(Refusal::Bad("The update's deletions are out of order."));
                }
                end = start + length;
                deletions.push((cid, start, length));
            }
        }
        Ok(deletions)
    }
}
