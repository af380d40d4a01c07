//! What the client makes of answers, when it asks again, and what it says of the price.

use proptest::prelude::*;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::*;
use crate::Error;
use crate::ai::Ai;
use crate::ai::scripted::{Line, Requests, completion, error, provider, text};
use crate::test_data;

const LONG: Duration = Duration::from_secs(30);
const TOKENS: Tokens = Tokens { prompt: 79, cached: 0, completion: 14 };

async fn ask(ai: &Ai, remaining: Duration) -> Sent {
    let messages = [Message::system("Answer."), Message::user("Question?")];
    let schema = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let chat = Chat {
        model: "small",
        messages: &messages,
        max_completion_tokens: 10,
        response_format: Some(Format::schema("answer", &schema)),
    };
    let client = ai.openai().expect("TLS").expect("configured");
    match client.pending("test", &chat, Deadline::after(remaining)) {
        Ok(pending) => pending.send().await,
        Err(failure) => Sent { answer: Err(failure), spent: Spent::default() },
    }
}

/// What a script's call comes to, and the requests it took.
async fn run(script: Vec<Line>, remaining: Duration) -> (Result<Answer, Failure>, Requests) {
    let (ai, requests) = provider(script).await;
    (ask(&ai, remaining).await.answer, requests)
}

fn count(requests: &Requests) -> usize {
    requests.lock().expect("whole").len()
}

#[tokio::test]
async fn a_good_answer_takes_one_request_with_the_key() {
    let (result, requests) = run(vec![text("{}")], LONG).await;
    assert_eq!(result, Ok(Answer::Text("{}".into())));
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
        (json!({"content": "x"}), "content_filter", Answer::Filtered),
        (json!({"content": "{\""}), "length", Answer::Truncated),
        (json!({"content": null}), "length", Answer::Truncated),
        (json!({"content": " "}), "stop", Answer::Empty),
        (json!({}), "stop", Answer::Empty),
        (json!({"content": "x", "tool_calls": []}), "stop", Answer::Text("x".into())),
    ] {
        let (result, _) = run(vec![completion(&message, finish)], LONG).await;
        assert_eq!(result, Ok(answer), "{message} {finish}");
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
    let huge = Line::Answer(200, "", " ".repeat(DIALECT.largest + 1));
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
    let failure = ask(&nowhere, Duration::from_secs(5)).await.answer.expect_err("nobody listens");
    assert_eq!((failure.kind, failure.retryable()), (Kind::Connect, true));
}

#[tokio::test]
async fn no_error_shows_the_key_the_address_or_the_providers_words() {
    let (ai, _) = provider(vec![error(401, "sk-canary-4711")]).await;
    let failure = ask(&ai, LONG).await.answer.expect_err("unauthorized");
    let shown = format!("{failure} {failure:?} {:?} {ai:?}", Error::from(failure.clone()));
    assert!(!shown.contains("canary") && !shown.contains("limit"), "{shown}");
    assert_eq!(failure.request_id.as_deref(), Some("req_1"));
    let broken = crate::ai::scripted::ai("http://user:canary@[::/v1");
    let failure = ask(&broken, LONG).await.answer.expect_err("no address");
    assert_eq!(failure.kind, Kind::Unsendable);
    assert!(!format!("{failure} {failure:?}").contains("canary"));
}

#[tokio::test]
async fn what_was_spent_is_known_or_bounded() {
    let spent = |tokens, uncounted| Spent { tokens, uncounted };
    let unknown = |count| spent(Tokens::default(), count);
    let mut cached = json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 79, "completion_tokens": 14, "prompt_tokens_details": {"cached_tokens": 64}}});
    let whole = Line::Answer(200, "", cached.to_string());
    cached["usage"]["prompt_tokens"] = json!(null);
    let uncounted = Line::Answer(200, "", cached.to_string());
    for (script, expected) in [
        (vec![text("{}")], spent(TOKENS, 0)),
        (vec![whole], spent(Tokens { cached: 64, ..TOKENS }, 0)),
        (vec![uncounted], unknown(1)),
        (vec![error(400, "x")], unknown(0)),
        (vec![error(429, "insufficient_quota")], unknown(0)),
        (vec![error(429, "slow_down"), text("{}")], spent(TOKENS, 0)),
        (vec![error(500, "x"), text("{}")], spent(TOKENS, 1)),
        (vec![error(500, "x"), error(503, "x")], unknown(2)),
        (vec![Line::Answer(200, "", "<html>".into())], unknown(1)),
        (vec![Line::Break], unknown(1)),
        (vec![Line::Hang], unknown(1)),
    ] {
        let (ai, _) = provider(script).await;
        let sent = ask(&ai, Duration::from_millis(1_500)).await;
        assert_eq!(sent.spent, expected, "{:?}", sent.answer);
        assert_eq!(sent.spent.is_nothing(), expected == unknown(0));
    }
    for (ai, remaining, kind) in [
        (crate::ai::scripted::ai("http://127.0.0.1:1/v1"), LONG, Kind::Connect),
        (crate::ai::scripted::ai("http://127.0.0.1:1/v1"), Duration::ZERO, Kind::Late),
        (crate::ai::scripted::ai("http://[::/v1"), LONG, Kind::Unsendable),
    ] {
        let sent = ask(&ai, remaining).await;
        assert_eq!((sent.answer.expect_err("unsent").kind, sent.spent.is_nothing()), (kind, true));
    }
}

#[tokio::test]
async fn row_61_a_provider_that_keeps_failing_is_left_alone() {
    let clock = crate::clock::Clock::manual(crate::clock::Timestamp::from_secs(1_795_440_540));
    let mut script: Vec<Line> = (0..5).map(|_| error(500, "x")).collect();
    script.push(text("{}"));
    let (ai, requests) = provider(script).await;
    let ai = Ai::new(ai.settings, clock.clone());
    for expected in [2, 4, 5, 5] {
        assert!(ask(&ai, LONG).await.answer.is_err());
        assert_eq!(count(&requests), expected);
    }
    let sent = ask(&ai, LONG).await;
    assert_eq!((sent.answer.expect_err("resting").kind, sent.spent.is_nothing()), (Kind::Resting, true));
    clock.advance(Duration::from_secs(15));
    assert!(ask(&ai, LONG).await.answer.is_ok(), "the probe");
    assert_eq!(count(&requests), 6);
}

#[tokio::test]
async fn row_61_what_is_the_callers_or_the_accounts_fault_opens_nothing() {
    for line in [|| error(400, "x"), || error(401, "invalid_api_key"), || error(429, "insufficient_quota")] {
        let (ai, requests) = provider((0..7).map(|_| line()).collect()).await;
        for _ in 0..7 {
            assert!(ask(&ai, LONG).await.answer.is_err());
        }
        assert_eq!(count(&requests), 7);
    }
}

proptest! {
    /// The plan counts every byte of text that is sent, whatever JSON makes of it.
    #[test]
    fn a_plan_counts_every_byte(texts in prop::collection::vec("\\PC{0,40}|[\\x00-\\x1f\"\\\\]{0,10}", 1..6), most in 1_u32..9_999) {
        let messages: Vec<Message> = texts.iter().map(Message::user).collect();
        let schema = json!({"type": "object", "description": texts[0]});
        let response_format = Some(Format::schema("answer", &schema));
        let chat = Chat { model: "small", messages: &messages, max_completion_tokens: most, response_format };
        let planned = chat.planned("test");
        let sent = serde_json::to_value(&chat).expect("JSON");
        let text = |message: &Value| ["role", "content"].map(|name| message[name].as_str().map_or(0, str::len)).iter().sum::<usize>();
        prop_assert_eq!(planned.message_bytes, sent["messages"].as_array().expect("messages").iter().map(text).sum::<usize>());
        prop_assert_eq!(planned.schema_bytes, "answer".len() + sent["response_format"]["json_schema"]["schema"].to_string().len());
        prop_assert_eq!((planned.messages, planned.max_completion_tokens, planned.requests), (texts.len(), most, 2));
        prop_assert!(sent.get("temperature").is_none() && sent.get("n").is_none());
    }
}

/// Every recorded chat exchange comes to what it is.
#[test]
fn recorded_answers_are_read() {
    let Some(recorded) = test_data::recorded() else { return };
    let read = |name: &str| recorded.json(name);
    let body = |recorded: &Value| match &recorded["response"]["body"] {
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    let tokens = |prompt, completion| Some(Tokens { prompt, cached: 0, completion });
    let text = |text: &str| Answer::Text(text.to_owned());
    let answers = [
        ("otel.chat_200", text("This is a test."), tokens(12, 5)),
        (
            "openai-python.chat_200_structured",
            text(r#"{"city":"San Francisco","temperature":65,"units":"f"}"#),
            tokens(79, 14),
        ),
        // Tools were offered and called; the text that there is not is empty.
        ("otel.chat_200_tool_calls", Answer::Empty, tokens(75, 51)),
    ];
    for (name, answer, tokens) in &answers {
        let recorded = read(&format!("openai/{name}.json"));
        let expected = Completion { answer: answer.clone(), tokens: *tokens };
        assert_eq!(parse(body(&recorded).as_bytes()), Some(expected), "{name}");
    }
    // A stream is never asked for; one that came anyway would be unreadable, not misread.
    assert_eq!(parse(body(&read("openai/otel.chat_200_stream_sse.json")).as_bytes()), None);
    let missing = body(&read("openai/otel.chat_404_model_not_found.json"));
    let missing = Failure::status(&DIALECT, 404, &HeaderMap::new(), missing.as_bytes());
    assert_eq!((missing.code.as_deref(), missing.retryable()), (Some("model_not_found"), false));
    let limit = body(&read("errors/openai.429_rate_limit_ms.json"));
    let limit = Failure::status(&DIALECT, 429, &HeaderMap::new(), limit.as_bytes());
    assert_eq!((limit.code.as_deref(), limit.retryable()), (Some("rate_limit_exceeded"), true));
    let chats = recorded.names("openai").into_iter().filter(|name| name.contains("chat_"));
    assert_eq!(chats.count(), answers.len() + 2, "a recorded chat without an expectation");
}
