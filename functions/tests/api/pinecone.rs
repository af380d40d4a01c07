//! Pinecone and OpenAI's embeddings on loopback: an index in memory that answers as theirs do, and holds every request
//! against the official descriptions, where `CONTRACT_SPECS` tells where they lie.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use aura::search::dense::DIMENSIONS;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::contract::{self, Schema};
use crate::provider::read;

pub const KEY: &str = "pcsk_test_4711";

/// A service with an index that is made when it is asked for, and is ready a few looks later.
#[derive(Clone)]
pub struct Pinecone {
    pub base_url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    host: String,
    /// Looks until the index is ready; `None` as long as there is no index.
    index: Option<usize>,
    namespaces: BTreeMap<String, BTreeMap<String, Value>>,
    requests: Vec<Request>,
    faults: VecDeque<(String, Fault)>,
    schemas: BTreeMap<&'static str, Schema>,
}

/// What becomes of a request to a path.
#[derive(Clone)]
pub enum Fault {
    /// Nothing is done, and this is the answer.
    Refuse(u16, &'static str),
    /// It is done, and the connection breaks.
    LoseAnswer,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub body: Value,
    pub bytes: usize,
}

impl Pinecone {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let state = State { host: host.clone(), schemas: schemas(), ..State::default() };
        let service = Self { base_url: format!("http://{host}"), state: Arc::new(Mutex::new(state)) };
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = serving.clone();
                tokio::spawn(async move { service.serve(stream).await });
            }
        });
        service
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("whole")
    }

    /// The requests to a path so far.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        self.state().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// What becomes of the next request to a path.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.state().faults.push_back((path.to_owned(), fault));
    }

    /// The records of all namespaces.
    pub fn records(&self) -> Vec<String> {
        self.state().namespaces.values().flat_map(|records| records.keys().cloned()).collect()
    }

    /// Loses an index that was made, as somebody who deletes it would.
    pub fn namespaces(&self) -> Vec<String> {
        self.state().namespaces.keys().cloned().collect()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else { return };
        let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
        let (line, headers) = head.split_once("\r\n").expect("headers");
        let mut words = line.split(' ');
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path").to_owned());
        let headers = headers.to_lowercase();
        let json: Value = if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") };
        let answer = {
            let mut state = self.state();
            state.requests.push(Request { path: path.clone(), body: json.clone(), bytes: body.len() });
            let fault = state.faults.iter().position(|(at, _)| *at == path);
            let fault = fault.and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault);
            match fault {
                Some(Fault::Refuse(status, body)) => Some((status, body.to_owned())),
                fault => {
                    let answer = state.answer(method, &path, &headers, &json);
                    fault.is_none().then_some(answer)
                }
            }
        };
        let Some((status, body)) = answer else { return };
        let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nx-pinecone-request-id: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all((head + &body).as_bytes()).await;
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, headers: &str, body: &Value) -> (u16, String) {
        if path.starts_with("/v1/") {
            assert!(headers.contains("authorization: bearer sk-test"), "{headers}");
            return match path {
                "/v1/embeddings" => self.embeddings(body),
                _ => (404, json!({"error": {"code": "model_not_found", "message": "x"}}).to_string()),
            };
        }
        if !headers.contains(&format!("api-key: {KEY}")) {
            return (401, "Invalid API Key".to_owned());
        }
        assert!(headers.contains("x-pinecone-api-version: 2026-04"), "{headers}");
        let absent = json!({"error": {"code": "NOT_FOUND", "message": "Resource not found"}, "status": 404});
        match (method, path) {
            ("GET", "/indexes/aura") => match &mut self.index {
                None => (404, absent.to_string()),
                Some(looks) => {
                    let ready = *looks == 0;
                    *looks = looks.saturating_sub(1);
                    let state = if ready { "Ready" } else { "Initializing" };
                    let index = json!({
                        "name": "aura", "dimension": DIMENSIONS, "metric": "dotproduct", "vector_type": "dense",
                        "host": self.host, "spec": {}, "status": {"ready": ready, "state": state},
                    });
                    (200, index.to_string())
                }
            },
            ("POST", "/indexes") => {
                self.check("CreateIndexRequest", body);
                if self.index.is_some() {
                    return (
                        409,
                        json!({"error": {"code": "ALREADY_EXISTS", "message": "x"}, "status": 409}).to_string(),
                    );
                }
                assert_eq!((&body["metric"], &body["dimension"]), (&json!("dotproduct"), &json!(DIMENSIONS)));
                self.index = Some(1);
                (201, json!({"name": "aura", "status": {"ready": false}}).to_string())
            }
            ("POST", "/vectors/upsert") => self.upsert(body),
            ("POST", "/vectors/delete") => self.delete(body),
            ("POST", "/query") => self.query(body),
            _ => panic!("no such call: {method} {path}"),
        }
    }

    fn check(&self, schema: &'static str, body: &Value) {
        contract::keeps(self.schemas.get(schema), body);
    }

    fn upsert(&mut self, body: &Value) -> (u16, String) {
        self.check("UpsertRequest", body);
        let vectors = body["vectors"].as_array().expect("vectors");
        assert!(vectors.len() <= 100 && body.to_string().len() <= 2_000_000, "a hundred records and 2 MB");
        let namespace = self.namespaces.entry(body["namespace"].as_str().expect("a namespace").to_owned()).or_default();
        for vector in vectors {
            let values = vector["values"].as_array().expect("values");
            assert!(values.len() == DIMENSIONS && values.iter().any(|value| value.as_f64() != Some(0.0)));
            let metadata = vector["metadata"].as_object().expect("metadata");
            assert!(vector["metadata"].to_string().len() <= 40_960, "40 KB");
            for (name, value) in metadata {
                let texts = |list: &Vec<Value>| list.iter().all(Value::is_string);
                let plain = value.is_string() || value.is_number() || value.is_boolean();
                assert!(!name.starts_with('$') && (plain || value.as_array().is_some_and(texts)), "{name}: {value}");
            }
            namespace.insert(vector["id"].as_str().expect("an id").to_owned(), vector.clone());
        }
        (200, json!({"upsertedCount": vectors.len()}).to_string())
    }

    fn delete(&mut self, body: &Value) -> (u16, String) {
        self.check("DeleteRequest", body);
        let Some(namespace) = self.namespaces.get_mut(body["namespace"].as_str().expect("a namespace")) else {
            return (404, json!({"code": 5, "message": "Namespace not found", "details": []}).to_string());
        };
        if let Some(ids) = body["ids"].as_array() {
            assert!((1..=1_000).contains(&ids.len()));
            ids.iter().for_each(|id| drop(namespace.remove(id.as_str().expect("an id"))));
        } else {
            namespace.retain(|_, vector| !is_meant(&body["filter"], &vector["metadata"]));
        }
        (200, "{}".to_owned())
    }

    fn query(&mut self, body: &Value) -> (u16, String) {
        self.check("QueryRequest", body);
        let empty = BTreeMap::new();
        let namespace = self.namespaces.get(body["namespace"].as_str().expect("a namespace")).unwrap_or(&empty);
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().map_or_else(Vec::new, |list| list.iter().filter_map(Value::as_f64).collect())
        };
        let sparse = |value: &Value| -> BTreeMap<u64, f64> {
            let indices = value["indices"].as_array().cloned().unwrap_or_default();
            indices.iter().filter_map(Value::as_u64).zip(numbers(&value["values"])).collect()
        };
        let (dense, words) = (numbers(&body["vector"]), sparse(&body["sparseVector"]));
        let score = |vector: &Value| {
            let there = sparse(&vector["sparseValues"]);
            let dot: f64 = dense.iter().zip(numbers(&vector["values"])).map(|(a, b)| a * b).sum();
            dot + words.iter().filter_map(|(index, weight)| Some(weight * there.get(index)?)).sum::<f64>()
        };
        let meant = namespace.iter().filter(|(_, vector)| is_meant(&body["filter"], &vector["metadata"]));
        let mut matches: Vec<_> = meant.map(|(id, vector)| (score(vector), id)).collect();
        matches.sort_by(|a, b| b.0.total_cmp(&a.0));
        matches.truncate(usize::try_from(body["topK"].as_u64().expect("topK")).expect("a count"));
        let matches: Vec<_> =
            matches.into_iter().map(|(score, id)| json!({"id": id, "score": score, "values": []})).collect();
        let answer =
            json!({"results": [], "matches": matches, "namespace": body["namespace"], "usage": {"readUnits": 6}});
        (200, answer.to_string())
    }

    fn embeddings(&self, body: &Value) -> (u16, String) {
        self.check("CreateEmbeddingRequest", body);
        let inputs = body["input"].as_array().expect("inputs");
        let bytes: usize = inputs.iter().map(|input| input.as_str().expect("a text").len()).sum();
        assert!(inputs.len() <= 2_048 && bytes <= 300_000, "provider-sized batches");
        let vector = |(index, input): (usize, &Value)| {
            let vector = aura::search::lexical::embed("", input.as_str().expect("a text"));
            let bytes: Vec<u8> = vector.parts().iter().flat_map(|part| part.to_le_bytes()).collect();
            json!({"object": "embedding", "index": index, "embedding": STANDARD.encode(bytes)})
        };
        let data: Vec<_> = inputs.iter().enumerate().map(vector).collect();
        let tokens = bytes / 4;
        let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
        (200, json!({"object": "list", "model": body["model"], "data": data, "usage": usage}).to_string())
    }
}

/// The metadata filter as Pinecone documents it; an evaluator of its own.
fn is_meant(filter: &Value, metadata: &Value) -> bool {
    let Some(members) = filter.as_object() else { return true };
    let all = |name: &String, condition: &Value| match name.as_str() {
        "$and" => condition.as_array().expect("a list").iter().all(|filter| is_meant(filter, metadata)),
        "$or" => condition.as_array().expect("a list").iter().any(|filter| is_meant(filter, metadata)),
        member => {
            let there = metadata.get(member);
            let equal = |wanted: &Value| match there {
                Some(Value::Array(list)) => list.contains(wanted),
                Some(Value::Number(number)) => wanted.is_number() && number.as_f64() == wanted.as_f64(),
                Some(value) => value == wanted,
                None => false,
            };
            let among = |wanted: &Value| wanted.as_array().expect("a list").iter().any(equal);
            let number = there.and_then(Value::as_f64);
            let order = |bound: &Value, holds: fn(f64, f64) -> bool| {
                number.is_some_and(|number| holds(number, bound.as_f64().expect("a number")))
            };
            condition.as_object().expect("operators in full").iter().all(|(operator, wanted)| match operator.as_str() {
                "$eq" => equal(wanted),
                // What this says of an absent member is not documented: whoever relies on it fails here.
                "$ne" => there.is_some() && !equal(wanted),
                "$in" => among(wanted),
                "$nin" => there.is_some() && !among(wanted),
                "$gt" => order(wanted, |a, b| a > b),
                "$gte" => order(wanted, |a, b| a >= b),
                "$lt" => order(wanted, |a, b| a < b),
                "$lte" => order(wanted, |a, b| a <= b),
                "$exists" => there.is_some() == wanted.as_bool().expect("true or false"),
                other => panic!("no operator {other}"),
            })
        }
    };
    members.iter().all(|(name, condition)| all(name, condition))
}

fn schemas() -> BTreeMap<&'static str, Schema> {
    let files = [
        ("pinecone.db_control_2026-04.strict.json", &["CreateIndexRequest"][..]),
        ("pinecone.db_data_2026-04.strict.json", &["UpsertRequest", "QueryRequest", "DeleteRequest"][..]),
        ("openai.strict-requests.openapi.json", &["CreateEmbeddingRequest"][..]),
    ];
    let names = files.iter().flat_map(|(file, names)| names.iter().map(|name| (*file, *name)));
    names.filter_map(|(file, name)| Some((name, contract::schema(file, name)?))).collect()
}
