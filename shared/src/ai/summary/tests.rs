//! Whole calls against a scripted provider: what is served, why, and what was sent.

use serde_json::{Value, json};

use super::*;
use crate::ai::Reason;
use crate::ai::scripted::{Line, bodies, completion, error, keep_the_contract, provider, text};

const LONG: Duration = Duration::from_secs(30);
const TEXT: &str = "Coral reefs shelter sea life. Reefs are built by coral. My aunt likes tea. Warm water kills coral.";

fn request(content: &str, most: u32) -> Request {
    serde_json::from_value(json!({"content": content, "maxLength": most})).expect("a text")
}

async fn run(most: u32, script: Vec<Line>) -> (Summarized, Vec<Value>) {
    let (ai, requests) = provider(script).await;
    let done = summarize(&ai, &request(TEXT, most), LONG, &Spend::unmetered()).await.expect("always an answer");
    (done, bodies(&requests))
}

#[tokio::test]
async fn a_good_answer_is_served_and_cut_to_length() {
    let answer = json!({"summary": "Coral builds reefs. Warm water kills both, and much more is said about it."});
    let (done, sent) = run(200, vec![text(&answer.to_string())]).await;
    assert_eq!(done.summary, answer["summary"].as_str().expect("text"));
    let mut json = serde_json::to_value(&done).expect("JSON");
    assert_eq!(json["usage"].take()["tier"], "simple");
    assert_eq!((&json["source"], &json["cached"]), (&json!("openai"), &json!(false)));
    keep_the_contract(sent);
    let (done, sent) = run(30, vec![text(&answer.to_string())]).await;
    assert_eq!((done.summary.as_str(), done.source, sent.len()), ("Coral builds reefs.", Source::Openai, 1));
    assert_eq!(sent[0]["max_completion_tokens"], 542);
}

#[tokio::test]
async fn row_46_every_other_ending_is_repaired_or_falls_back() {
    let (done, sent) = run(60, vec![text(r#"{"summary": " "}"#), text(r#"{"summary": "Reefs."}"#)]).await;
    assert_eq!((done.summary.as_str(), sent.len()), ("Reefs.", 2));
    let cut = || completion(&json!({"content": "{\""}), "length");
    for (script, reason) in [
        (vec![text("no JSON"), text("again")], Reason::AnswerUnusable),
        (vec![cut(), cut()], Reason::AnswerTruncated),
        (vec![text(""), text(" ")], Reason::AnswerEmpty),
        (vec![completion(&json!({"refusal": "No."}), "stop")], Reason::Refused),
        (vec![completion(&json!({"content": "x"}), "content_filter")], Reason::Filtered),
        (vec![error(429, "insufficient_quota")], Reason::ProviderUnavailable),
    ] {
        let (done, _) = run(60, script).await;
        assert_eq!((done.source, done.usage.reason), (Source::Fallback, Some(reason)));
        assert!(done.summary.chars().count() <= 60 && done.summary.contains("oral"), "{}", done.summary);
    }
}

#[test]
fn every_wrong_shape_is_a_sentence() {
    let long = json!({"content": "é".repeat(100_001)}).to_string();
    for (json, part) in [
        (r#"{}"#, "missing field `content`"),
        (r#"{"content":" \f "}"#, "content is empty"),
        (r#"{"content":"x","maxLength":19}"#, "from 20 to 5000"),
        (r#"{"content":"x","maxLength":5001}"#, "from 20 to 5000"),
        (r#"{"content":"x","maxLength":-1}"#, "expected u32"),
        (r#"{"content":"x","maxLength":"20"}"#, "expected u32"),
        (r#"{"content":"x","style":"haiku"}"#, "unknown field `style`"),
        (&long, "has 100001 characters"),
    ] {
        let error = serde_json::from_str::<Request>(json).expect_err(json).to_string();
        assert!(error.contains(part), "{json}: {error}");
    }
    let request: Request = serde_json::from_str(r#"{"content":"a\u0000b\fc\u202ed"}"#).expect("documents are so");
    assert_eq!((request.content.as_str(), request.max_length.get()), ("ab\ncd", 200));
}
