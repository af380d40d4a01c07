//! What the client makes of answers, and when it asks again.

use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::ai::Ai;
use crate::ai::scripted::{Line, Requests, completion, error, provider, text};

const LONG: Duration = Duration::from_secs(30);

async fn ask(ai: &Ai, remaining: Duration) -> Result<Completion, Failure> {
    let messages = [Message::system("Answer."), Message::user("Question?")];
    let schema = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let json_schema = Schema { name: "answer", strict: true, schema: &schema };
    let chat = Chat {
        model: "small",
        messages: &messages,
        max_completion_tokens: 10,
        response_format: Format::JsonSchema { json_schema },
    };
    ai.openai().expect("configured").complete(&chat, Deadline::after(remaining)).await
}

/// What a script's call comes to, and how many requests it took.
async fn run(script: Vec<Line>, remaining: Duration) -> (Result<Completion, Failure>, Requests) {
    let (ai, requests) = provider(script).await;
    (ask(&ai, remaining).await, requests)
}

fn count(requests: &Requests) -> usize {
    requests.lock().expect("whole").len()
}

#[tokio::test]
async fn a_good_answer_takes_one_request_with_the_key() {
    let (result, requests) = run(vec![text("{}")], LONG).await;
    let tokens = Tokens { prompt: 79, completion: 14 };
    assert_eq!(result, Ok(Completion { answer: Answer::Text("{}".into()), tokens }));
    let requests = requests.lock().expect("whole");
    let (head, body) = &requests[0];
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sk-canary-4711"), "{head}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["response_format"]["json_schema"]["strict"], json!(true));
    assert!(body.get("temperature").is_none());
}

#[tokio::test]
async fn every_ending_is_told_apart() {
    for (message, finish, answer) in [
        (json!({"content": null, "refusal": "No."}), "stop", Answer::Refused),
        (json!({"content": "x"}), "content_filter", Answer::Refused),
        (json!({"content": "{\""}), "length", Answer::Truncated),
        (json!({"content": null}), "length", Answer::Truncated),
        (json!({"content": " "}), "stop", Answer::Empty),
        (json!({}), "stop", Answer::Empty),
        (json!({"content": "x", "tool_calls": []}), "stop", Answer::Text("x".into())),
    ] {
        let (result, _) = run(vec![completion(&message, finish)], LONG).await;
        assert_eq!(result.map(|completion| completion.answer), Ok(answer), "{message} {finish}");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_once_more() {
    for (status, code) in
        [(408, "x"), (409, "x"), (429, "rate_limit_exceeded"), (429, "slow_down"), (500, "x"), (503, "x")]
    {
        let (result, requests) = run(vec![error(status, code), text("{}")], LONG).await;
        assert!(result.is_ok(), "{status} {code}");
        assert_eq!(count(&requests), 2, "{status} {code}");
    }
    let (result, requests) = run(vec![error(500, "a"), error(502, "b"), text("{}")], LONG).await;
    let failure = result.expect_err("two failures");
    assert_eq!((failure.http_status(), failure.code.as_deref(), count(&requests)), (Some(502), Some("b"), 2));
    assert!(failure.retryable());
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    for (status, code) in [
        (400, "invalid_value"),
        (401, "invalid_api_key"),
        (403, "unsupported_country"),
        (404, "model_not_found"),
        (429, "insufficient_quota"),
        (429, "credit_balance_exhausted"),
        (429, "billing_hard_limit_reached"),
    ] {
        let (result, requests) = run(vec![error(status, code), text("{}")], LONG).await;
        let failure = result.expect_err(code);
        assert_eq!((failure.http_status(), failure.code.as_deref()), (Some(status), Some(code)));
        assert!(!failure.retryable() && count(&requests) == 1, "{status} {code}");
    }
    let told = Line::Answer(500, "x-should-retry: false\r\n", "down".into());
    assert_eq!(count(&run(vec![told, text("{}")], LONG).await.1), 1);
}

#[tokio::test]
async fn a_pause_that_does_not_fit_is_not_begun() {
    let busy = Line::Answer(429, "retry-after: 60\r\n", "{}".into());
    let (result, requests) = run(vec![busy, text("{}")], LONG).await;
    assert_eq!(result.expect_err("busy").http_status(), Some(429));
    assert_eq!(count(&requests), 1);
}

#[tokio::test]
async fn unusable_answers_are_failures() {
    let huge = Line::Answer(200, "", " ".repeat(ANSWER + 1));
    for (line, kind) in [
        (Line::Hang, Kind::Timeout),
        (Line::Break, Kind::Transport),
        (huge, Kind::TooLarge),
        (Line::Answer(200, "", "<html>".into()), Kind::Unreadable),
        (Line::Answer(200, "", r#"{"choices":[]}"#.into()), Kind::Unreadable),
        (Line::Answer(302, "location: http://127.0.0.1:1/\r\n", String::new()), Kind::Status(302)),
    ] {
        let (result, requests) = run(vec![line], Duration::from_millis(700)).await;
        assert_eq!((result.expect_err("unusable").kind, count(&requests)), (kind, 1));
    }
    let nowhere = crate::ai::scripted::ai("http://127.0.0.1:1/v1");
    let failure = ask(&nowhere, Duration::from_secs(5)).await.expect_err("nobody listens");
    assert_eq!((failure.kind, failure.retryable()), (Kind::Connect, true));
}

#[tokio::test]
async fn no_error_shows_the_key_the_address_or_the_providers_words() {
    let (ai, _) = provider(vec![error(401, "sk-canary-4711")]).await;
    let failure = ask(&ai, LONG).await.expect_err("unauthorized");
    let shown = format!("{failure} {failure:?} {:?} {ai:?}", Error::from(failure.clone()));
    assert!(!shown.contains("canary") && !shown.contains("limit"), "{shown}");
    assert_eq!(failure.request_id.as_deref(), Some("req_1"));
    let broken = crate::ai::scripted::ai("http://user:canary@[::/v1");
    let failure = ask(&broken, LONG).await.expect_err("no address");
    assert!(!format!("{failure} {failure:?}").contains("canary"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test looks for its data where it is told to")]
fn recorded_answers_are_read() {
    let Some(folder) = std::env::var_os("PROVIDER_FIXTURES").map(PathBuf::from) else {
        eprintln!("skipped: PROVIDER_FIXTURES names no directory of recorded answers");
        return;
    };
    let mut read = 0;
    for entry in std::fs::read_dir(folder.join("openai")).expect("the directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.contains(".chat_") || !name.ends_with(".json") || name.contains("stream") {
            continue;
        }
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).expect("the file")).expect("JSON");
        let body = recorded["response"]["body"].to_string();
        match recorded["response"]["status"].as_u64() {
            Some(200) => assert!(parse(body.as_bytes()).is_some_and(|c| c.tokens != Tokens::default()), "{name}"),
            _ => assert!(Failure::status(404, &HeaderMap::new(), body.as_bytes()).code.is_some(), "{name}"),
        }
        read += 1;
    }
    let limit = std::fs::read(folder.join("errors/openai.429_rate_limit_ms.json")).expect("the file");
    let limit: Value = serde_json::from_slice(&limit).expect("JSON");
    assert!(Failure::status(429, &HeaderMap::new(), limit["response"]["body"].to_string().as_bytes()).retryable());
    assert!(read >= 3, "{read} recorded answers");
}
