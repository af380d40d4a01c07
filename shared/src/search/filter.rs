//! Which documents a search or a deletion is about, in Pinecone's words.
//!
//! `{"year": {"$gte": 2020}, "$or": [{"topic": "birds"}, {"topic": {"$in": ["bees", "bats"]}}]}`: members of an object
//! hold together, a plain value is `$eq`. A filter is read once, checked, and then means the same in both stores: the
//! embedded one evaluates it, Pinecone gets it written out. Where Pinecone's own meaning is not written down (`$ne` and
//! `$nin` of a member that a document does not have) it is said in full: a document without the member matches.
//!
//! Of a list, `$eq` and `$in` look for one of its texts, and `$ne` and `$nin` for none.
//! Deliberately absent: `$not`, which Pinecone's pinned version does not have.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::{Error, Result};

/// A document's metadata.
pub type Metadata = BTreeMap<String, Value>;

/// What metadata and filters hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A number, as a double.
    Number(#[serde(serialize_with = "number")] f64),
    /// A text.
    Text(String),
    /// Some texts.
    List(Vec<String>),
}

/// A whole number looks like one again: `2026`, as it was sent, and not `2026.0`.
fn number<S: Serializer>(number: &f64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within 2^53")]
        let whole = *number as i64;
        serializer.serialize_i64(whole)
    } else {
        serializer.serialize_f64(*number)
    }
}

/// The deepest nesting.
const DEEPEST: usize = 8;
/// The most conditions of a filter, values of lists among them.
const CONDITIONS: usize = 1_000;

/// A checked filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    All(Vec<Filter>),
    /// One holds, at least.
    Any(Vec<Filter>),
    /// The member passes.
    Is(String, Test),
}

/// What a member must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of these; `$eq` is a list of one.
    In(Vec<Value>),
    /// None of these, or absent.
    NotIn(Vec<Value>),
    /// A number in this order to another.
    Order(Order, f64),
    /// There, or not.
    Exists(bool),
}

/// Orders of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `$gt`
    Above,
    /// `$gte`
    From,
    /// `$lt`
    Below,
    /// `$lte`
    UpTo,
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Map::deserialize(deserializer)?;
        Self::read(&json).map_err(serde::de::Error::custom)
    }
}

impl Filter {
    /// Reads and checks.
    ///
    /// # Errors
    /// `Invalid`, which names what is wrong.
    pub fn read(json: &Map<String, Json>) -> Result<Self> {
        let mut left = CONDITIONS;
        let filter = object(json, DEEPEST, &mut left)?;
        match filter {
            Self::All(parts) if parts.is_empty() => Err(wrong("it is empty: leave it out")),
            filter => Ok(filter),
        }
    }

    /// Whether a document with this metadata is meant.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(metadata)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(metadata)),
            Self::Is(name, test) => test.passes(metadata.get(name)),
        }
    }

    /// As Pinecone takes it.
    pub fn pinecone(&self) -> Json {
        match self {
            Self::All(parts) => json!({"$and": parts.iter().map(Self::pinecone).collect::<Vec<_>>()}),
            Self::Any(parts) => json!({"$or": parts.iter().map(Self::pinecone).collect::<Vec<_>>()}),
            Self::Is(name, test) => match test {
                Test::In(values) => match values.as_slice() {
                    [value] => json!({name: {"$eq": value}}),
                    values => json!({name: {"$in": values}}),
                },
                Test::NotIn(values) => {
                    let not = match values.as_slice() {
                        [value] => json!({name: {"$ne": value}}),
                        values => json!({name: {"$nin": values}}),
                    };
                    json!({"$or": [{name: {"$exists": false}}, not]})
                }
                Test::Order(order, number) => json!({name: {order.name(): number}}),
                Test::Exists(there) => json!({name: {"$exists": there}}),
            },
        }
    }
}

impl Order {
    const fn name(self) -> &'static str {
        match self {
            Self::Above => "$gt",
            Self::From => "$gte",
            Self::Below => "$lt",
            Self::UpTo => "$lte",
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Above => number > bound,
            Self::From => number >= bound,
            Self::Below => number < bound,
            Self::UpTo => number <= bound,
        }
    }
}

impl Test {
    fn passes(&self, value: Option<&Value>) -> bool {
        let among = |values: &[Value]| match value {
            Some(Value::List(texts)) => {
                values.iter().any(|value| matches!(value, Value::Text(text) if texts.contains(text)))
            }
            Some(value) => values.contains(value),
            None => false,
        };
        match self {
            Self::In(values) => among(values),
            Self::NotIn(values) => !among(values),
            Self::Order(order, bound) => matches!(value, Some(Value::Number(n)) if order.holds(*n, *bound)),
            Self::Exists(there) => value.is_some() == *there,
        }
    }
}

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::invalid(format!("The filter cannot be used: {why}."))
}

fn object(json: &Map<String, Json>, depth: usize, left: &mut usize) -> Result<Filter> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(wrong(format!("it is nested more than {DEEPEST} deep")));
    };
    let mut parts = Vec::new();
    for (name, json) in json {
        match name.as_str() {
            "$and" | "$or" => {
                let items = json.as_array().filter(|items| !items.is_empty());
                let items = items.ok_or_else(|| wrong(format!("{name} takes a list of filters")))?;
                let items = items.iter().map(|item| match item.as_object() {
                    Some(json) if !json.is_empty() => object(json, depth, left),
                    _ => Err(wrong(format!("{name} takes a list of filters"))),
                });
                let items = items.collect::<Result<Vec<_>>>()?;
                parts.push(if name == "$or" { Filter::Any(items) } else { Filter::All(items) });
            }
            operator if operator.starts_with('$') => {
                return Err(wrong(format!("{} is no operator that stands alone", shown(operator))));
            }
            member => parts.extend(conditions(member, json, left)?),
        }
    }
    Ok(match <[Filter; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => Filter::All(parts),
    })
}

fn conditions(member: &str, json: &Json, left: &mut usize) -> Result<Vec<Filter>> {
    let Json::Object(operators) = json else {
        return Ok(vec![Filter::Is(member.to_owned(), Test::In(vec![scalar("$eq", json, left)?]))]);
    };
    if operators.is_empty() {
        return Err(wrong(format!("{} has no condition", shown(member))));
    }
    let condition = |(operator, json): (&String, &Json)| {
        let number = || json.as_f64().ok_or_else(|| wrong(format!("{operator} takes a number")));
        let test = match operator.as_str() {
            "$eq" => Test::In(vec![scalar(operator, json, left)?]),
            "$ne" => Test::NotIn(vec![scalar(operator, json, left)?]),
            "$in" => Test::In(list(operator, json, left)?),
            "$nin" => Test::NotIn(list(operator, json, left)?),
            "$gt" => Test::Order(Order::Above, number()?),
            "$gte" => Test::Order(Order::From, number()?),
            "$lt" => Test::Order(Order::Below, number()?),
            "$lte" => Test::Order(Order::UpTo, number()?),
            "$exists" => Test::Exists(json.as_bool().ok_or_else(|| wrong("$exists takes true or false"))?),
            other => return Err(wrong(format!("there is no operator {}", shown(other)))),
        };
        count(left)?;
        Ok(Filter::Is(member.to_owned(), test))
    };
    operators.iter().map(condition).collect()
}

fn count(left: &mut usize) -> Result<()> {
    *left = left.checked_sub(1).ok_or_else(|| wrong(format!("it has more than {CONDITIONS} conditions and values")))?;
    Ok(())
}

fn list(operator: &str, json: &Json, left: &mut usize) -> Result<Vec<Value>> {
    let items = json.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| wrong(format!("{operator} takes a list of texts and numbers")))?;
    items.iter().map(|item| scalar(operator, item, left)).collect()
}

fn scalar(operator: &str, json: &Json, left: &mut usize) -> Result<Value> {
    count(left)?;
    match json {
        Json::Bool(value) => Ok(Value::Bool(*value)),
        Json::String(text) => Ok(Value::Text(text.clone())),
        Json::Number(number) => number.as_f64().map(Value::Number).ok_or_else(|| wrong("a number is too large")),
        _ => Err(wrong(format!("{operator} takes a text, a number, true or false"))),
    }
}

/// A caller's own text, short enough to be said.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(json: Json) -> Result<Filter> {
        Filter::read(json.as_object().unwrap())
    }

    #[test]
    fn metadata_is_written_as_it_was_sent() {
        let sent = r#"{"a":2026,"b":-3,"c":0.5,"e":9007199254740992,"f":true,"g":["x"]}"#;
        let metadata: Metadata = serde_json::from_str(sent).unwrap();
        assert_eq!(serde_json::to_string(&metadata).unwrap(), sent);
    }

    fn metadata() -> Metadata {
        serde_json::from_value(json!({"year": 2020, "topic": "birds", "open": true, "tags": ["a", "b"]})).unwrap()
    }

    #[test]
    fn conditions_mean_what_they_say() {
        for (json, expected) in [
            (json!({"topic": "birds"}), true),
            (json!({"topic": {"$eq": "bees"}}), false),
            (json!({"topic": {"$ne": "bees"}}), true),
            (json!({"year": 2020.0, "topic": "bees"}), false),
            (json!({"year": {"$gt": 2019, "$lt": 2021}}), true),
            (json!({"year": {"$gte": 2020, "$lte": 2020}}), true),
            (json!({"year": {"$gt": 2020}}), false),
            (json!({"year": "2020"}), false),
            (json!({"topic": {"$gt": 1}}), false),
            (json!({"topic": {"$in": ["bees", "birds"]}}), true),
            (json!({"topic": {"$nin": ["bees", "birds"]}}), false),
            (json!({"tags": "a"}), true),
            (json!({"tags": {"$in": ["c", "b"]}}), true),
            (json!({"tags": {"$ne": "a"}}), false),
            (json!({"tags": {"$nin": ["c"]}}), true),
            (json!({"open": true}), true),
            (json!({"none": {"$exists": false}}), true),
            (json!({"none": {"$ne": 1}}), true),
            (json!({"none": {"$eq": 1}}), false),
            (json!({"none": {"$lt": 1}}), false),
            (json!({"$or": [{"topic": "bees"}, {"year": 2020}]}), true),
            (json!({"$and": [{"topic": "bees"}, {"year": 2020}]}), false),
            (json!({"$or": [{"$and": [{"open": true}, {"tags": "b"}]}], "year": {"$exists": true}}), true),
        ] {
            assert_eq!(filter(json.clone()).unwrap().matches(&metadata()), expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let mut deep = json!({"a": 1});
        for _ in 0..DEEPEST {
            deep = json!({"$and": [deep]});
        }
        for json in [
            json!({}),
            json!({"a": {}}),
            json!({"a": null}),
            json!({"a": [1]}),
            json!({"a": {"$eq": [1]}}),
            json!({"a": {"$in": []}}),
            json!({"a": {"$in": 1}}),
            json!({"a": {"$gt": "1"}}),
            json!({"a": {"$exists": 1}}),
            json!({"a": {"$regex": "x"}}),
            json!({"a": {"b": 1}}),
            json!({"$not": {"a": 1}}),
            json!({"$eq": 1}),
            json!({"$or": {"a": 1}}),
            json!({"$or": []}),
            json!({"$or": [{}]}),
            json!({"a": {"$in": vec![1; CONDITIONS + 1]}}),
            deep,
        ] {
            assert_eq!(filter(json.clone()).unwrap_err().code(), "INVALID_REQUEST", "{json}");
        }
    }

    #[test]
    fn pinecone_gets_operators_in_full() {
        let filter = filter(json!({"a": 1, "b": {"$ne": "x"}, "$or": [{"c": {"$in": [1, 2]}}, {"d": {"$lt": 3}}]}));
        let expected = json!({"$and": [
            {"$or": [{"c": {"$in": [1, 2]}}, {"d": {"$lt": 3.0}}]},
            {"a": {"$eq": 1}},
            {"$or": [{"b": {"$exists": false}}, {"b": {"$ne": "x"}}]},
        ]});
        assert_eq!(filter.unwrap().pinecone(), expected);
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        let value = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-3_i8..3).prop_map(|n| Value::Number(f64::from(n))),
            "[a-c]".prop_map(Value::Text)
        ];
        let values = prop::collection::vec(value, 1..3);
        let order = prop::sample::select(vec![Order::Above, Order::From, Order::Below, Order::UpTo]);
        let test = prop_oneof![
            values.clone().prop_map(Test::In),
            values.prop_map(Test::NotIn),
            (order, -3_i8..3).prop_map(|(order, n)| Test::Order(order, f64::from(n))),
            any::<bool>().prop_map(Test::Exists)
        ];
        let is = ("[x-z]", test).prop_map(|(name, test)| Filter::Is(name, test));
        is.prop_recursive(3, 12, 3, |inner| {
            let some = prop::collection::vec(inner, 1..3);
            prop_oneof![some.clone().prop_map(Filter::All), some.prop_map(Filter::Any)]
        })
    }

    proptest! {
        /// What is written out for Pinecone reads as the same filter.
        #[test]
        fn row_28_a_filter_survives_being_written(
            filter in any_filter(),
            metadata in prop::collection::btree_map("[x-z]", prop_oneof![
                any::<bool>().prop_map(Value::Bool),
                (-3_i8..3).prop_map(|n| Value::Number(f64::from(n))),
                "[a-c]".prop_map(Value::Text),
                prop::collection::vec("[a-c]", 0..3).prop_map(Value::List),
            ], 0..3),
        ) {
            let written = filter.pinecone();
            let read = Filter::read(written.as_object().unwrap()).unwrap();
            prop_assert_eq!(read.matches(&metadata), filter.matches(&metadata));
        }
    }
}
