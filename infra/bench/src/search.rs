//! Search in the built-in store, without a key: how fast documents are indexed and found, beside the same vectors as f32
//! compared one by one in the same process, and what DynamoDB is asked for.
//!
//! The domain runs here, against the local stack's DynamoDB, with the identities of its functions, so that their policies
//! hold and their units are counted; the gateway and the function's runtime are not in the figures. Cold means an instance
//! that has read nothing of the namespace yet.

use crate::numbers::{Times, ms};
use anyhow::{Context as _, Result, bail};
use aura::ai::Spend;
use aura::budget::Payer;
use aura::cache::Reader;
use aura::clock::Clock;
use aura::config::Config;
use aura::search::dense::Dense;
use aura::search::finding::Results;
use aura::search::{self, Indexing, lexical};
use aura::{App, Need, TenantId, UserId, spending};
use aura_local::Stack;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Our own texts give the words; documents mix those of a few subjects.
const TEXTS: &str = include_str!("../../../shared/src/search/quality/documents.txt");
const SIZES: [usize; 2] = [1_000, 10_000];
const WORDS: usize = 60;
const CALL: usize = 250;
const QUERIES: usize = 200;
const COLD: usize = 5;
const TOP: usize = 10;
const TRIES: usize = 8;
const TIME: Duration = Duration::from_secs(60);

/// What was measured with so many documents.
pub(crate) struct Measured {
    documents: usize,
    per_second: f64,
    warm: Times,
    cold: Times,
    scan: Times,
    exact: Times,
    recall: f64,
    units_per_document: f64,
    units_per_search: f64,
    units_cold: f64,
}

/// A generator whose texts are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

pub(crate) fn measure(template: &Path, built: PathBuf) -> Result<Vec<Measured>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stack = Stack::builder().template(template).binaries(move |name| built.join(name)).start().await;
        let stack = stack.map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut all = Vec::new();
        for (n, documents) in SIZES.into_iter().enumerate() {
            eprintln!("search: {documents} documents");
            all.push(with(&stack, u8::try_from(n)? + 1, documents).await?);
        }
        Ok(all)
    })
}

fn app(stack: &Stack, function: &str) -> Result<&'static App> {
    let environment = stack.addresses()["environment"][function].clone();
    let lookup = |name: &str| environment.get(name).and_then(Value::as_str).map(str::to_owned);
    let config = Config::from_lookup(lookup)?;
    Ok(Box::leak(Box::new(App::new(config, Clock::system(), &[Need::Vectors])?)))
}

fn texts(count: usize) -> Vec<String> {
    let subjects: Vec<Vec<&str>> =
        TEXTS.lines().map(|line| line.rsplit('|').next().unwrap_or_default().split_whitespace().collect()).collect();
    let mut dice = Dice(7);
    let text = |_| {
        let mixed = [dice.roll(subjects.len()), dice.roll(subjects.len()), dice.roll(subjects.len())];
        let word = |_| {
            let subject = &subjects[mixed[dice.roll(3)]];
            subject[dice.roll(subject.len())]
        };
        (0..WORDS).map(word).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(text).collect()
}

/// A few words of a document, the same each time.
fn queries(texts: &[String]) -> Vec<String> {
    let mut dice = Dice(11);
    let query = |_| {
        let words: Vec<&str> = texts[dice.roll(texts.len())].split(' ').collect();
        (0..5).map(|_| words[dice.roll(words.len())]).collect::<Vec<_>>().join(" ")
    };
    (0..QUERIES).map(query).collect()
}

async fn with(stack: &Stack, tenant: u8, count: usize) -> Result<Measured> {
    let payer = Payer { tenant: TenantId::from([tenant; 16]), user: UserId::from([tenant; 16]) };
    let texts = texts(count);
    let indexer = app(stack, "index-documents")?;
    stack.clear_dynamodb_calls();
    let started = Instant::now();
    for (n, part) in texts.chunks(CALL).enumerate() {
        let document = |(m, text): (usize, &String)| json!({"id": format!("{}", n * CALL + m), "content": text});
        let documents: Vec<Value> = part.iter().enumerate().map(document).collect();
        let request = serde_json::from_value(json!({ "documents": documents }))?;
        match search::index(indexer, payer, request, TIME).await? {
            Indexing::Now(report) if report.success => {}
            other => bail!("not everything was indexed: {}", serde_json::to_string(&other)?),
        }
    }
    let per_second = count as f64 / started.elapsed().as_secs_f64();
    let units_per_document = units(stack, "index-documents") / count as f64;

    let queries = queries(&texts);
    let searcher = app(stack, "search")?;
    stack.clear_dynamodb_calls();
    timed(searcher, payer, "anything at all", 0.8).await?;
    let units_cold = units(stack, "search");
    stack.clear_dynamodb_calls();
    let mut warm = Times::default();
    for query in &queries {
        let (took, found) = timed(searcher, payer, query, 0.8).await?;
        warm.add(took);
        if found.results.len() != TOP {
            bail!("{} results for {query}", found.results.len());
        }
    }
    let units_per_search = units(stack, "search") / QUERIES as f64;
    let mut cold = Times::default();
    for query in queries.iter().take(COLD) {
        let fresh = app(stack, "search")?;
        cold.add(timed(fresh, payer, query, 0.8).await?.0);
    }
    let (exact, scan, recall) = compare(searcher, payer, &texts, &queries).await?;
    Ok(Measured {
        documents: count,
        per_second,
        warm,
        cold,
        scan,
        exact,
        recall,
        units_per_document,
        units_per_search,
        units_cold,
    })
}

/// The same queries by meaning alone, and by f32 vectors one after the other: times of both, and which share of the
/// latter's first ten the former finds.
async fn compare(app: &'static App, payer: Payer, texts: &[String], queries: &[String]) -> Result<(Times, Times, f64)> {
    let vectors: Vec<Dense> = texts.iter().map(|text| lexical::embed("", text)).collect();
    let (mut exact, mut scan, mut shared) = (Times::default(), Times::default(), 0);
    for query in queries {
        let started = Instant::now();
        let vector = lexical::embed("", query);
        let mut scores: Vec<(f32, usize)> =
            vectors.iter().enumerate().map(|(n, there)| (there.dot(&vector), n)).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        exact.add(started.elapsed());
        let best: HashSet<String> = scores.iter().take(TOP).map(|(_, n)| n.to_string()).collect();
        let (took, found) = timed(app, payer, query, 1.0).await?;
        scan.add(took);
        shared += found.results.iter().filter(|hit| best.contains(&hit.id)).count();
    }
    Ok((exact, scan, shared as f64 / (queries.len() * TOP) as f64))
}

/// A search and its time. On a machine that is busy with other things DynamoDB's two seconds may pass: then once more.
async fn timed(app: &'static App, payer: Payer, query: &str, semantic: f64) -> Result<(Duration, Results)> {
    for _ in 0..TRIES {
        let started = Instant::now();
        match find(app, payer, query, semantic).await {
            Ok(found) => return Ok((started.elapsed(), found)),
            Err(error) => eprintln!("once more: {error:#}"),
        }
    }
    bail!("no search succeeded")
}

async fn find(app: &'static App, payer: Payer, query: &str, semantic: f64) -> Result<Results> {
    let options = json!({"enhance": false, "semanticWeight": semantic, "keywordWeight": 1.0 - semantic, "topK": TOP});
    let request = serde_json::from_value(json!({"query": query, "options": options}))?;
    let reader = Reader::new(payer.tenant, |_| true);
    let spend = Spend::new(move |pending, turn| async move { spending::send(app, payer, pending, &turn).await });
    search::find(app, payer, &reader, request, &spend, TIME).await.context("a search failed")
}

fn units(stack: &Stack, function: &str) -> f64 {
    stack.dynamodb_calls(function).iter().filter_map(|call| call.capacity).sum()
}

pub(crate) fn print(all: &[Measured]) {
    println!(
        "\nSearch in the built-in store, no keys; {QUERIES} queries of five words, {COLD} cold instances; times in ms\n"
    );
    println!(
        "{:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10} {:>10}",
        "documents", "docs/s", "warm p50", "warm p99", "cold p50", "cold p99", "dense p50", "f32 p50", "recall@10"
    );
    for measured in all {
        let Measured { documents, per_second, warm, cold, scan, exact, recall, .. } = measured;
        println!(
            "{documents:>9} {per_second:>9.0} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10} {recall:>10.4}",
            ms(warm.median()),
            ms(warm.p99()),
            ms(cold.median()),
            ms(cold.p99()),
            ms(scan.median()),
            ms(exact.median()),
        );
    }
    println!(
        "\n{:>9} {:>18} {:>16} {:>18}",
        "documents", "units per document", "units per search", "units, cold search"
    );
    for Measured { documents, units_per_document, units_per_search, units_cold, .. } in all {
        println!("{documents:>9} {units_per_document:>18.2} {units_per_search:>16.2} {units_cold:>18.1}");
    }
    println!(
        "\nwarm: hybrid search; dense: by meaning alone, a byte per dimension, DynamoDB's read of the head included; f32: brute force."
    );
    for Measured { documents, recall, .. } in all {
        let verdict = if *recall >= 0.99 { "met" } else { "MISSED" };
        println!("recall@10 of at least 0.99 of f32's with {documents} documents: {verdict} ({recall:.4})");
    }
}
