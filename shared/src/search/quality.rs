//! How good the results are, without any model, on a collection of our own.
//!
//! `quality/documents.txt` has 300 short texts on thirty subjects, `quality/queries.txt` seventy queries with the
//! documents that answer them: 3 answers it, 2 is close, 1 has something of it. Both were written before any weight was
//! chosen. The measure is nDCG@10 with gains of 2^grade - 1.
//! Not measured: vectors of a language model, which would need recorded ones.

use std::collections::{HashMap, HashSet};

use super::dense::{Bytes, Query};
use super::lexical;
use super::sparse::Sparse;

struct Collection {
    documents: Vec<(&'static str, Bytes, Sparse)>,
    queries: Vec<(&'static str, HashMap<&'static str, u8>)>,
}

fn collection() -> Collection {
    let documents = include_str!("quality/documents.txt").lines().map(|line| {
        let mut parts = line.splitn(3, '|');
        let [id, title, text] = std::array::from_fn(|_| parts.next().expect("three parts"));
        (id, Bytes::of(&lexical::embed(title, text)), Sparse::of_document(title, &[], text))
    });
    let queries = include_str!("quality/queries.txt").lines().map(|line| {
        let (query, grades) = line.split_once('|').expect("two parts");
        let grades = grades.split(' ').map(|grade| {
            let (id, grade) = grade.split_once(':').expect("a grade");
            (id, grade.parse().expect("a number"))
        });
        (query, grades.collect())
    });
    Collection { documents: documents.collect(), queries: queries.collect() }
}

fn ndcg(ranking: &[&str], grades: &HashMap<&str, u8>) -> f64 {
    let gain = |grade: u8| f64::from(2_u32.pow(u32::from(grade)) - 1);
    let sum = |grades: &mut dyn Iterator<Item = u8>| {
        grades.take(10).zip(2_u32..).map(|(grade, place)| gain(grade) / f64::from(place).log2()).sum::<f64>()
    };
    let mut best: Vec<u8> = grades.values().copied().collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let found = sum(&mut ranking.iter().map(|id| grades.get(id).copied().unwrap_or(0)));
    found / sum(&mut best.into_iter())
}

/// The mean nDCG@10 of all queries with these weights.
fn quality(collection: &Collection, semantic: f32, keyword: f32) -> f64 {
    let of = |(query, grades): &(&'static str, HashMap<&'static str, u8>)| {
        let (dense, sparse) = (Query::new(lexical::embed("", query)), Sparse::of_query(query));
        let score = |(id, vector, words): &(&'static str, Bytes, Sparse)| {
            (semantic * dense.dot(vector) + keyword * words.dot(&sparse), *id)
        };
        let mut ranking: Vec<_> = collection.documents.iter().map(score).collect();
        ranking.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = ranking.into_iter().filter(|(score, _)| *score > 0.0).map(|(_, id)| id);
        ndcg(&found.take(10).collect::<Vec<_>>(), grades)
    };
    let sum: f64 = collection.queries.iter().map(of).sum();
    sum / f64::from(u32::try_from(collection.queries.len()).expect("some queries"))
}

#[test]
fn the_collection_is_whole() {
    let Collection { documents, queries } = collection();
    let ids: HashSet<_> = documents.iter().map(|(id, ..)| *id).collect();
    assert!(ids.len() >= 300 && ids.len() == documents.len() && queries.len() >= 60);
    for (query, grades) in &queries {
        assert!(grades.iter().all(|(id, grade)| ids.contains(id) && (1..=3).contains(grade)), "{query}");
    }
}

/// `cargo test --workspace --lib search::quality -- --nocapture` prints the figures.
#[test]
fn hybrid_search_is_better_than_either_half() {
    let collection = collection();
    let semantic = quality(&collection, 1.0, 0.0);
    let keyword = quality(&collection, 0.0, 1.0);
    println!("nDCG@10: semantic half {semantic:.4}, keyword half {keyword:.4}");
    for (name, weights) in [("search", (0.8, 0.2)), ("navigation", (0.6, 0.4)), ("other", (0.75, 0.25))] {
        let hybrid = quality(&collection, weights.0, weights.1);
        println!("nDCG@10: hybrid {hybrid:.4} with the weights of {name} {weights:?}");
        assert!(hybrid > semantic && hybrid > keyword, "{name}: {hybrid:.4}, {semantic:.4}, {keyword:.4}");
    }
    assert!(semantic > 0.75 && keyword > 0.75, "neither half may get worse");
}
