//! Two tenants do whatever they like, in any order, in one warm instance: neither ever sees the other's documents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aura::ai::Spend;
use aura::budget::Payer;
use aura::cache::Reader;
use aura::clock::Clock;
use aura::search::{self, Indexing};
use aura::{App, Need, TenantId, UserId, spending};
use serde_json::{Value, json};

use crate::world::World;

const TIME: Duration = Duration::from_secs(20);
const WORDS: [&str; 8] = ["heron", "lantern", "granite", "violin", "saffron", "glacier", "compass", "meadow"];
const PLACES: [&str; 2] = ["default", "archive"];

/// How many operations; a hundred thousand take about ten minutes.
#[expect(clippy::disallowed_methods, reason = "a test's own setting")]
fn operations() -> u64 {
    std::env::var("SEARCH_OPERATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

/// xorshift64*: the same operations each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits") % sides
    }
}

/// What one tenant has in one namespace: contents by id.
type Shelf = BTreeMap<String, String>;

struct Tenant {
    id: TenantId,
    shelves: BTreeMap<&'static str, Shelf>,
}

impl Tenant {
    fn payer(&self) -> Payer {
        Payer { tenant: self.id, user: UserId::from(*self.id.bytes()) }
    }
}

async fn index(app: &App, tenant: &mut Tenant, place: &'static str, documents: BTreeMap<String, String>) {
    let sent: Vec<Value> = documents
        .iter()
        .map(|(id, content)| json!({"id": id, "content": content, "metadata": {"word": content.split(' ').next()}}))
        .collect();
    let request = serde_json::from_value(json!({"documents": sent, "namespace": place})).expect("a request");
    match search::index(app, tenant.payer(), request, TIME).await.expect("indexed") {
        Indexing::Now(report) => assert!(report.success, "{report:?}"),
        Indexing::Later(_) => panic!("a few documents are indexed at once"),
    }
    tenant.shelves.get_mut(place).expect("a shelf").extend(documents);
}

async fn delete(
    app: &App,
    tenant: &mut Tenant,
    place: &'static str,
    mut request: Value,
    goes: impl Fn(&str, &str) -> bool,
) {
    request["namespace"] = json!(place);
    let request = serde_json::from_value(request).expect("a request");
    let deleted = search::delete(app, tenant.payer(), request, TIME).await.expect("deleted").deleted;
    let shelf = tenant.shelves.get_mut(place).expect("a shelf");
    let before = shelf.len();
    shelf.retain(|id, content| !goes(id, content));
    assert_eq!(deleted, u64::try_from(before - shelf.len()).expect("a count"));
}

/// Everything with the word, and nothing else: 100 results are more than a shelf has.
async fn look(app: &'static App, tenant: &Tenant, place: &'static str, word: &str, filtered: bool) {
    let mut options =
        json!({"topK": 100, "namespace": place, "enhance": false, "semanticWeight": 0, "keywordWeight": 1});
    if filtered {
        options["filter"] = json!({"word": word});
    }
    let request = serde_json::from_value(json!({"query": word, "options": options})).expect("a request");
    let reader = Reader::new(tenant.id, |_| true);
    let payer = tenant.payer();
    let spend = Spend::new(move |pending, turn| async move { spending::send(app, payer, pending, &turn).await });
    let found = search::find(app, payer, &reader, request, &spend, TIME).await.expect("results");
    let found: BTreeSet<_> = found.results.into_iter().map(|hit| (hit.id, hit.content)).collect();
    let mine = tenant.shelves[place].iter().filter(|(_, content)| content.starts_with(word));
    let mine: BTreeSet<_> = mine.map(|(id, content)| (id.clone(), content.clone())).collect();
    assert_eq!(found, mine, "{word} in {place} of {}", tenant.id);
}

#[tokio::test]
async fn row_28_and_30_two_tenants_in_one_instance_never_meet() {
    let world = World::start().await;
    let app = world.app_of("search", &[Need::Vectors], &Clock::system());
    let shelves = || PLACES.into_iter().map(|place| (place, Shelf::new())).collect();
    let mut tenants = [1, 2].map(|n| Tenant { id: TenantId::from([n; 16]), shelves: shelves() });
    let mut dice = Dice(0x5eed);
    let mut searched = 0;
    for operation in 0..operations() {
        let who = dice.roll(2);
        let (place, word) = (PLACES[dice.roll(2)], WORDS[dice.roll(WORDS.len())]);
        let tenant = &mut tenants[who];
        match dice.roll(100) {
            0..30 => {
                // The same ids and words for both: only whose they are differs.
                let documents = (0..=dice.roll(3)).map(|_| {
                    let word = WORDS[dice.roll(WORDS.len())];
                    (format!("doc-{}", dice.roll(30)), format!("{word} of tenant{who}, written at {operation}."))
                });
                let documents = documents.collect();
                index(app, tenant, place, documents).await;
            }
            30..38 => {
                let id = format!("doc-{}", dice.roll(30));
                delete(app, tenant, place, json!({"ids": [id]}), |other, _| other == id).await;
            }
            38..40 => {
                let filter = json!({"filter": {"word": word}});
                delete(app, tenant, place, filter, |_, content| content.starts_with(word)).await;
            }
            40 => delete(app, tenant, place, json!({"all": true}), |_, _| true).await,
            _ => {
                searched += 1;
                look(app, tenant, place, word, dice.roll(2) == 0).await;
            }
        }
    }
    println!("{} operations, {searched} searches, 0 foreign results", operations());
}
