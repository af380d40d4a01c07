//! Queries of one partition that may take more than one page of a megabyte.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::keys::{PK, SK};
use super::{Item, Store, failed, s};
use crate::{Error, Result};

/// Which items of a partition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Span<'a> {
    /// All of them.
    All,
    /// Those whose sort keys begin so.
    Prefix(&'a str),
    /// Those whose sort keys are from the first to the last, both included.
    Between(&'a str, &'a str),
}

/// What is left of a query.
#[derive(Debug)]
pub(super) struct Pages {
    /// `None` once all is read.
    query: Option<QueryFluentBuilder>,
    /// Pages that may still be asked for.
    left: usize,
    too_long: &'static str,
}

impl Store {
    /// The items of a partition in the order of their sort keys, strongly consistent.
    pub(super) fn pages(&self, table: &str, partition: impl Into<String>, span: Span<'_>) -> Pages {
        let query = self.client.query().table_name(table).consistent_read(true);
        let query = query.expression_attribute_values(":pk", s(partition));
        let query = match span {
            Span::All => query.key_condition_expression(format!("{PK} = :pk")),
            Span::Prefix(prefix) => query
                .key_condition_expression(format!("{PK} = :pk AND begins_with({SK}, :prefix)"))
                .expression_attribute_values(":prefix", s(prefix)),
            Span::Between(first, last) => query
                .key_condition_expression(format!("{PK} = :pk AND {SK} BETWEEN :first AND :last"))
                .expression_attribute_values(":first", s(first))
                .expression_attribute_values(":last", s(last)),
        };
        Pages { query: Some(query), left: usize::MAX, too_long: "" }
    }
}

impl Pages {
    /// Gives up after so many pages, with a sentence for the log.
    pub(super) fn at_most(self, pages: usize, too_long: &'static str) -> Self {
        Self { left: pages, too_long, ..self }
    }

    /// Only some attributes of each item.
    pub(super) fn only(self, attributes: impl Into<String>) -> Self {
        Self { query: self.query.map(|query| query.projection_expression(attributes)), ..self }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Item>>> {
        let Some(query) = self.query.take() else { return Ok(None) };
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::unavailable(self.too_long))?;
        let output = query.clone().send().await.map_err(failed)?;
        self.query = output.last_evaluated_key.map(|start| query.set_exclusive_start_key(Some(start)));
        Ok(Some(output.items.unwrap_or_default()))
    }
}
