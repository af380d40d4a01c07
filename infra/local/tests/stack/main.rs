//! The stack, black box. This binary is the tests and, started by the stack, their functions too.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests: a panic is a failure"
)]
#![expect(clippy::disallowed_methods, reason = "tests compare with the wall clock and read their own environment")]

macro_rules! cases {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), (|| crate::run($name())) as fn())),*] };
}

mod client;
mod functions;
mod sockets;
mod sockets_functions;

use aura_local::{Builder, DynamoDbFault as TableFault, DynamoDbRule as Rule, Fault, Stack, When};
use client::{aws, dynamodb, get, send};
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return functions::run().map_or_else(
            |error| {
                eprintln!("{error}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let cases = cases![
        a_warm_process_is_reused,
        concurrent_invocations_have_processes_of_their_own,
        a_timeout_kills_the_process,
        a_crash_is_a_502_and_the_next_process_is_fresh,
        an_error_keeps_the_process,
        a_broken_init_is_a_502,
        the_environment_is_lambdas,
        settings_reach_functions_and_secrets,
        the_source_address_is_the_sockets,
        quotas_are_enforced,
        policies_are_enforced_and_calls_counted,
        a_kill_around_a_write_shows_what_was_applied,
        tables_fail_on_demand,
        rotation_runs_at_the_first_start_only,
        invocations_can_be_duplicated_dropped_and_killed,
        the_invoke_api_reaches_functions_without_routes,
        the_page_and_the_websocket_port_answer,
        few_processes_serve_many_functions,
        expired_items_are_swept,
        nothing_outlives_the_stack,
    ];
    let cases: Vec<_> = cases.into_iter().chain(sockets::cases()).collect();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let mut failed = 0;
    for (name, case) in cases.iter().filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter.as_str()))) {
        let passed = std::panic::catch_unwind(AssertUnwindSafe(case)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case);
}

fn builder() -> Builder {
    builder_of("template.yaml")
}

fn builder_of(template: &str) -> Builder {
    let itself = std::env::current_exe().unwrap();
    let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stack").join(template);
    Stack::builder().template(template).binaries(move |_| itself.clone()).rotate(false)
}

async fn stack() -> Stack {
    builder().start().await.unwrap()
}

async fn operator(stack: &Stack, operation: &str, body: Value) -> Value {
    aws(stack.dynamodb(), &dynamodb(operation), "operator", &body).await.unwrap().json()
}

async fn a_warm_process_is_reused() {
    let stack = stack().await;
    let first = get(stack.http(), "/pid").await.json();
    for _ in 0..5 {
        assert_eq!(get(stack.http(), "/pid").await.json(), first);
    }
    assert_eq!(stack.processes("probe").len(), 1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() * 1000;
    let context = get(stack.http(), "/context").await.json();
    let left = context["deadline"].as_u64().unwrap() - now;
    assert!((9_000..=11_000).contains(&left), "{left} ms to the deadline");
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:123456789012:function:probe");
}

/// Wait for a function to call in; it goes on when the connection is answered.
async fn meet(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = [0; 1024];
    assert!(stream.read(&mut head).await.unwrap() > 0);
    stream
}

async fn release(mut stream: TcpStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
}

async fn concurrent_invocations_have_processes_of_their_own() {
    let stack = stack().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let path = format!("/meet?at=http://{}", listener.local_addr().unwrap());
    let both = async {
        let (first, second) = (meet(&listener).await, meet(&listener).await); // both are inside at once
        release(first).await;
        release(second).await;
    };
    let (first, second, ()) = tokio::join!(get(stack.http(), &path), get(stack.http(), &path), both);
    assert_ne!(first.json(), second.json());
    assert_eq!(stack.processes("probe").len(), 2);
    get(stack.http(), "/pid").await;
    assert_eq!(stack.processes("probe").len(), 2);
}

async fn a_timeout_kills_the_process() {
    let stack = stack().await;
    let warm = get(stack.http(), "/short").await.json();
    let reply = get(stack.http(), "/hang").await;
    assert_eq!((reply.status, reply.json()), (502, json!({ "message": "Internal Server Error" })));
    assert!(stack.processes("short").is_empty());
    stack.log_line("short", "Task timed out after 1.00 seconds").await.unwrap();
    assert_ne!(get(stack.http(), "/short").await.json(), warm);
}

async fn a_crash_is_a_502_and_the_next_process_is_fresh() {
    let stack = stack().await;
    let before = get(stack.http(), "/pid").await.json();
    assert_eq!(get(stack.http(), "/crash").await.status, 502);
    stack.log_line("probe", "Runtime exited with error: exit status: 3").await.unwrap();
    let after = get(stack.http(), "/pid").await;
    assert_eq!(after.status, 200);
    assert_ne!(after.json(), before);
}

async fn an_error_keeps_the_process() {
    let stack = stack().await;
    let before = get(stack.http(), "/pid").await.json();
    assert_eq!(get(stack.http(), "/error").await.status, 502);
    assert_eq!(get(stack.http(), "/pid").await.json(), before);
}

async fn a_broken_init_is_a_502() {
    let stack = stack().await;
    assert_eq!(get(stack.http(), "/broken").await.status, 502);
    let error = stack.invoke("broken", json!({})).await.unwrap_err();
    assert_eq!(error.payload()["errorType"], "Runtime.InitError");
}

async fn the_environment_is_lambdas() {
    let stack = stack().await;
    let environment = get(stack.http(), "/env").await.json();
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "probe");
    assert_eq!((&environment["SHARED"], &environment["GREETING"]), (&json!("one"), &json!("hello")));
    for name in environment.as_object().unwrap().keys() {
        let lambdas = name.starts_with("AWS_")
            || [
                "_HANDLER",
                "_X_AMZN_TRACE_ID",
                "GREETING",
                "HOME",
                "LAMBDA_TASK_ROOT",
                "PATH",
                "RUST_BACKTRACE",
                "SHARED",
                "TZ",
            ]
            .contains(&name.as_str());
        assert!(lambdas, "{name} leaked into the function");
    }
    let addresses = stack.addresses();
    assert_eq!(addresses["environment"]["probe"]["AWS_ENDPOINT_URL_DYNAMODB"], stack.dynamodb());
}

async fn settings_reach_functions_and_secrets() {
    let stack = builder().setting("GREETING", "ciao").setting("PROVIDER_KEY", "sk-1").start().await.unwrap();
    assert_eq!(get(stack.http(), "/env").await.json()["GREETING"], "ciao");
    assert_eq!(get(stack.http(), "/env").await.json().get("PROVIDER_KEY"), None);
    let secret =
        aws(stack.secrets_manager(), "secretsmanager.GetSecretValue", "operator", &json!({ "SecretId": "Providers" }))
            .await
            .unwrap();
    assert_eq!(secret.json()["SecretString"], r#"{"PROVIDER_KEY":"sk-1"}"#);
    let Err(error) = builder().setting("NOBODY", "x").start().await else { panic!("an unknown setting was taken") };
    assert_eq!(
        error.to_string(),
        "a setting of this stack: `NOBODY` is no parameter, function variable or secret key of the template"
    );
}

async fn the_source_address_is_the_sockets() {
    let stack = stack().await;
    for last in [1, 2, 9] {
        let head = "GET /event HTTP/1.1\r\nx-forwarded-for: 203.0.113.1\r\n";
        let event = send(stack.http(), [127, 0, 0, last].into(), head, b"").await.unwrap().json();
        assert_eq!(event["requestContext"]["http"]["sourceIp"], format!("127.0.0.{last}"));
    }
}

async fn quotas_are_enforced() {
    let stack = stack().await;
    let post = async |bytes: usize| {
        let head = "POST /event HTTP/1.1\r\ncontent-type: text/plain\r\n";
        send(stack.http(), [127, 0, 0, 1].into(), head, &vec![b'a'; bytes]).await.unwrap()
    };
    assert_eq!(post(10 * 1024 * 1024 + 1).await.status, 413);
    let reply = post(6 * 1024 * 1024).await; // with its envelope it is larger than an invocation may be
    assert_eq!((reply.status, reply.json()), (413, json!({ "message": "Request Entity Too Large" })));
    assert!(stack.processes("probe").is_empty());
    assert_eq!(post(1024).await.status, 200);
}

async fn policies_are_enforced_and_calls_counted() {
    let stack = stack().await;
    let allowed = get(stack.http(), "/put?table=Table&pk=a").await.json();
    assert_eq!(allowed["status"], 200, "{allowed}");
    let denied = get(stack.http(), "/put?table=OtherTable&pk=a").await.json();
    assert_eq!(denied["status"], 400);
    let sentence = "User: arn:aws:sts::123456789012:assumed-role/probe/probe is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/OtherTable";
    assert!(denied["body"].as_str().unwrap().contains(sentence), "{denied}");
    let calls = stack.dynamodb_calls("probe");
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].operation.as_str(), calls[0].tables.as_slice(), calls[0].capacity),
        ("PutItem", &["Table".to_owned()][..], Some(1.0))
    );
    assert!(!allowed["body"].as_str().unwrap().contains("ConsumedCapacity"));
    let secret = json!({ "SecretId": "Key" });
    let target = "secretsmanager.GetSecretValue";
    let denied = aws(stack.secrets_manager(), target, "AKIALOCAL.probe", &secret).await.unwrap();
    assert_eq!((denied.status, &denied.json()["__type"]), (400, &json!("AccessDeniedException")));
    assert_eq!(aws(stack.secrets_manager(), target, "AKIALOCAL.rotate", &secret).await.unwrap().status, 200);
    stack.clear_dynamodb_calls();
    assert_eq!(stack.dynamodb_calls("probe"), []);
    // For programs beside the stack, and for good.
    let tallies = get(stack.dynamodb(), "/calls").await.json();
    assert_eq!(tallies["probe"], json!({ "PutItem": { "calls": 1, "units": 1.0 } }));
}

async fn item(stack: &Stack, pk: &str) -> bool {
    operator(stack, "GetItem", json!({ "TableName": "Table", "Key": { "pk": { "S": pk } } }))
        .await
        .get("Item")
        .is_some()
}

async fn a_kill_around_a_write_shows_what_was_applied() {
    let stack = stack().await;
    stack.kill_on_dynamodb_call("probe", "PutItem", When::Before);
    assert_eq!(get(stack.http(), "/put?table=Table&pk=before").await.status, 502);
    assert!(!item(&stack, "before").await);
    stack.kill_on_dynamodb_call("probe", "PutItem", When::After);
    assert_eq!(get(stack.http(), "/put?table=Table&pk=after").await.status, 502);
    assert!(item(&stack, "after").await);
    assert_eq!(get(stack.http(), "/put?table=Table&pk=end").await.status, 200);
}

async fn tables_fail_on_demand() {
    let stack = stack().await;
    for (fault, status) in [(TableFault::Throttling, 400), (TableFault::InternalServerError, 500)] {
        stack.dynamodb_fault(Rule::new(fault).times(1));
        assert_eq!(get(stack.http(), "/put?table=Table&pk=a").await.json()["status"], status);
    }
    assert!(!item(&stack, "a").await);
    stack.dynamodb_fault(Rule::new(TableFault::Dark));
    assert_eq!(get(stack.http(), "/put?table=Table&pk=a").await.status, 502); // the function gave up
    stack.end_faults();
    stack.dynamodb_fault(Rule::new(TableFault::LoseAnswer).times(1));
    assert_eq!(get(stack.http(), "/put?table=Table&pk=lost").await.status, 502);
    assert!(item(&stack, "lost").await);
}

async fn current(stack: &Stack) -> (String, String) {
    let reply =
        aws(stack.secrets_manager(), "secretsmanager.GetSecretValue", "operator", &json!({ "SecretId": "Key" }))
            .await
            .unwrap()
            .json();
    (reply["VersionId"].as_str().unwrap().to_owned(), reply["SecretString"].as_str().unwrap().to_owned())
}

async fn rotation_runs_at_the_first_start_only() {
    let data = std::env::temp_dir().join(format!("aura-local-{}-rotation", std::process::id()));
    let stack = builder().rotate(true).data(&data).start().await.unwrap();
    let Err(error) = builder().data(&data).start().await else { panic!("two stacks share their data") };
    assert_eq!(error.to_string(), format!("another stack is using {}", data.display()));
    let first = current(&stack).await;
    assert_eq!(first.0, first.1, "the rotation function makes the value of the version's id");
    operator(&stack, "PutItem", json!({ "TableName": "Table", "Item": { "pk": { "S": "kept" } } })).await;
    drop(stack);
    let stack = builder().rotate(true).data(&data).start().await.unwrap();
    assert_eq!(current(&stack).await, first);
    assert!(item(&stack, "kept").await);
    assert!(stack.processes("rotate").is_empty());
    stack.rotate("Key").await.unwrap();
    assert_ne!(current(&stack).await, first);
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        stack.log_line("rotate", step).await.unwrap();
    }
    drop(stack);
    std::fs::remove_dir_all(data).unwrap();
}

async fn invocations_can_be_duplicated_dropped_and_killed() {
    let stack = stack().await;
    stack.fault("probe", 1, Fault::Duplicate);
    stack.fault("probe", 2, Fault::Drop);
    get(stack.http(), "/print?what=twice").await;
    assert_eq!(get(stack.http(), "/print?what=never").await.status, 503);
    get(stack.http(), "/print?what=last").await;
    stack.log_line("probe", "printed last").await.unwrap();
    let printed = |what: &str| stack.logs("probe").iter().filter(|line| line.contains(what)).count();
    assert_eq!((printed("twice"), printed("never")), (2, 0));
    stack.fault("probe", 1, Fault::KillAfter(std::time::Duration::from_millis(50)));
    assert_eq!(get(stack.http(), "/hang?").await.status, 502);
}

async fn the_invoke_api_reaches_functions_without_routes() {
    let stack = stack().await;
    let invoke = async |name: &str| {
        let head = format!("POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\n");
        send(stack.lambda(), [127, 0, 0, 1].into(), &head, b"{\"Step\": \"setSecret\"}").await.unwrap()
    };
    assert_eq!(invoke("rotate").await.json(), Value::Null);
    assert_eq!(invoke("nobody").await.status, 404);
    let failed = invoke("broken").await;
    assert!(failed.head.contains("x-amz-function-error: unhandled"), "{}", failed.head);
}

async fn the_page_and_the_websocket_port_answer() {
    let stack = stack().await;
    let page = get(stack.http(), "/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    let head = "GET / HTTP/1.1\r\nupgrade: websocket\r\n";
    let reply = send(stack.ws(), [127, 0, 0, 1].into(), head, b"").await.unwrap();
    assert_eq!((reply.status, reply.json()), (426, json!({ "message": "template.yaml has no WebSocket API" })));
}

async fn few_processes_serve_many_functions() {
    let stack = builder().processes(1).start().await.unwrap();
    for path in ["/pid", "/short", "/pid"] {
        assert_eq!(get(stack.http(), path).await.status, 200);
    }
    assert_eq!((stack.processes("probe").len(), stack.processes("short").len()), (1, 0));
}

async fn expired_items_are_swept() {
    let stack = builder().ttl_sweep(None).start().await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let put = async |pk: &str, ex: u64| {
        operator(
            &stack,
            "PutItem",
            json!({ "TableName": "Table", "Item": { "pk": { "S": pk }, "ex": { "N": ex.to_string() } } }),
        )
        .await
    };
    put("past", now - 10).await;
    put("future", now + 1000).await;
    assert!(item(&stack, "past").await);
    assert_eq!(stack.sweep_ttl().await.unwrap(), 1);
    assert!(!item(&stack, "past").await && item(&stack, "future").await);
}

async fn nothing_outlives_the_stack() {
    let stack = stack().await;
    let pid = get(stack.http(), "/pid").await.json()["pid"].as_u64().unwrap();
    let process = PathBuf::from(format!("/proc/{pid}"));
    assert!(process.exists());
    drop(stack);
    assert!(!process.exists());
}
