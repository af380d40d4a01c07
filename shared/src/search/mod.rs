//! Semantic search over a tenant's own documents.
//!
//! | module | what it decides |
//! |---|---|
//! | [`document`] | what can be indexed, and what is wrong with the rest |
//! | [`namespace`] | where a tenant's documents live, and no other's |
//! | [`chunk`], `sentence` | parts of long documents, and how they are joined again |
//! | `terms` | words as searches compare them |
//! | [`sparse`], [`lexical`], [`dense`] | keyword vectors, vectors without a model, and vectors in a byte per dimension |
//! | [`filter`] | which documents are meant |
//! | [`highlight`] | the sentences that say most of what was looked for |

pub mod chunk;
pub mod dense;
pub mod document;
pub mod filter;
pub mod highlight;
pub mod lexical;
pub mod namespace;
#[cfg(test)]
mod quality;
mod sentence;
pub mod sparse;
mod terms;
