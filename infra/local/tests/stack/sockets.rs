//! The WebSocket API, black box.

use crate::client::{Socket, get, invoke_as, send};
use crate::{builder_of, meet, release};
use aura_local::{Builder, SocketChaos as Chaos, SocketFault as Fault, SocketRule as Rule, Stack};
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

pub(crate) fn cases() -> Vec<(&'static str, fn())> {
    cases![
        a_connection_opens_with_headers_query_and_subprotocol,
        connect_refuses_with_its_status,
        a_client_that_leaves_during_connect_is_disconnected,
        only_the_stage_is_upgraded,
        messages_take_their_route,
        events_have_the_shape_of_aws,
        only_routes_with_a_response_answer,
        failures_are_told_as_api_gateway_tells_them,
        functions_post_get_and_delete,
        what_connections_refuse_the_sdk_understands,
        a_slow_consumer_is_refused_and_harms_nobody,
        messages_of_one_connection_overtake_each_other,
        quotas_close_with_their_codes,
        idle_and_old_connections_go_away,
        too_many_new_connections_are_refused,
        disconnect_says_why,
        faults_hit_what_they_name,
        a_seed_repeats_its_faults,
        an_authorizer_guards_the_door_and_names_the_guest,
        functions_find_the_apis_of_their_template,
        functions_invoke_what_their_policies_name,
        background_work_is_tried_three_times,
        background_work_waits_for_a_process,
        hundreds_of_connections_hear_their_posts,
    ]
    .into()
}

fn builder() -> Builder {
    builder_of("sockets.yaml")
}

async fn stack() -> Stack {
    builder().start().await.unwrap()
}

async fn open(stack: &Stack) -> Socket {
    Socket::open(&stack.websocket(), &[]).await.unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// The socket and its connection id.
async fn known(stack: &Stack) -> (Socket, String) {
    let mut socket = open(stack).await;
    socket.tell(&json!({ "action": "event" })).await;
    let id = socket.hear_json().await["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    (socket, id)
}

/// The event that a function printed behind these words.
async fn printed(stack: &Stack, words: &str) -> Value {
    let line = stack.log_line("socket", words).await.unwrap();
    serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap()
}

async fn disconnected(stack: &Stack, id: &str) -> Value {
    printed(stack, &format!("disconnected {id}")).await["requestContext"].clone()
}

async fn a_connection_opens_with_headers_query_and_subprotocol() {
    let stack = stack().await;
    let url = format!("{}?a=1&a=b%20c", stack.websocket());
    let headers =
        [("sec-websocket-protocol", "aura.v1, ticket"), ("user-agent", "agent"), ("authorization", "Bearer t")];
    let socket = Socket::open(&url, &headers).await.unwrap();
    assert_eq!(socket.response.headers()["sec-websocket-protocol"], "aura.v1");
    let event = printed(&stack, "connected {").await;
    assert_eq!(event["headers"]["Authorization"], "Bearer t");
    assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "aura.v1, ticket");
    assert_eq!(event["multiValueHeaders"]["X-Forwarded-For"], json!(["127.0.0.1"]));
    assert_eq!(event["queryStringParameters"], json!({ "a": "b c" }));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "a": ["1", "b c"] }));
    let context = &event["requestContext"];
    assert_eq!((&context["eventType"], &context["routeKey"]), (&json!("CONNECT"), &json!("$connect")));
    assert_eq!(context["identity"], json!({ "sourceIp": "127.0.0.1", "userAgent": "agent" }));
    assert_eq!(context.get("authorizer"), None);
    assert_eq!(stack.connections(), [context["connectionId"].as_str().unwrap()]);
}

async fn connect_refuses_with_its_status() {
    let stack = stack().await;
    let mut open = Vec::new();
    for (query, status) in [("status=401", 401), ("status=403", 403), ("status=299", 0), ("fail=1", 502)] {
        match Socket::open(&format!("{}?{query}", stack.websocket()), &[]).await {
            Ok(socket) => {
                assert_eq!(status, 0, "{query} was let in");
                open.push(socket);
            }
            Err((refused, body)) => {
                assert_eq!(refused, status, "{query}: {body}");
                let body: Value = serde_json::from_str(&body).unwrap();
                assert!(body["connectionId"].is_string() && body["requestId"].is_string(), "{body}");
            }
        }
    }
    assert_eq!(stack.connections().len(), 1);
}

async fn a_client_that_leaves_during_connect_is_disconnected() {
    let stack = stack().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{}?meet=http://{}", stack.websocket(), listener.local_addr().unwrap());
    let inside = {
        let opening = Socket::open(&url, &[]);
        tokio::select! {
            _ = opening => panic!("opened before $connect answered"),
            inside = meet(&listener) => inside,
        }
    };
    assert!(stack.connections().is_empty());
    release(inside).await;
    let event = printed(&stack, "disconnected").await;
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1006);
}

async fn only_the_stage_is_upgraded() {
    let stack = stack().await;
    assert_eq!(stack.websocket(), format!("{}/prod", stack.ws()));
    for path in ["", "/", "/dev", "/prod/more"] {
        let Err((status, body)) = Socket::open(&format!("{}{path}", stack.ws()), &[]).await else {
            panic!("{path} was upgraded");
        };
        assert_eq!((status, body.contains("Forbidden")), (403, true), "{path}: {body}");
    }
    let http = stack.ws().replace("ws://", "http://");
    assert_eq!(get(&http, "/prod").await.status, 426);
    let head = "GET /prod HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let without_key =
        send(&http, [127, 0, 0, 1].into(), &head.replace("connection: upgrade\r\n", ""), b"").await.unwrap();
    assert_eq!(without_key.status, 426);
}

async fn messages_take_their_route() {
    let stack = stack().await;
    let mut socket = open(&stack).await;
    assert_eq!(socket.ask(&json!({ "action": "echo", "text": "hé" })).await, "hé");
    for text in [
        "not JSON",
        "[]",
        "{}",
        "{\"action\": 5}",
        "{\"action\": \"nobody\"}",
        "{\"action\": \"$connect\"}",
        "\"echo\"",
    ] {
        socket.tell_text(text).await;
        assert_eq!(socket.hear_json().await, json!({ "default": text }));
    }
}

async fn events_have_the_shape_of_aws() {
    let stack = stack().await;
    let mut socket = open(&stack).await;
    let message = json!({ "action": "event" });
    let event: Value = serde_json::from_str(&socket.ask(&message).await).unwrap();
    assert_eq!(event["body"], message.to_string());
    assert_eq!((&event["isBase64Encoded"], event.get("headers")), (&json!(false), None));
    let context = event["requestContext"].as_object().unwrap();
    let names: Vec<&str> = context.keys().map(String::as_str).collect();
    let expected = [
        "apiId",
        "connectedAt",
        "connectionId",
        "domainName",
        "eventType",
        "extendedRequestId",
        "identity",
        "messageDirection",
        "messageId",
        "requestId",
        "requestTime",
        "requestTimeEpoch",
        "routeKey",
        "stage",
    ];
    assert_eq!(names, expected);
    assert_eq!((&context["apiId"], &context["stage"]), (&json!("websocketapi"), &json!("prod")));
    assert_eq!((&context["eventType"], &context["messageDirection"]), (&json!("MESSAGE"), &json!("IN")));
    drop(socket);
    let disconnected = printed(&stack, "disconnected").await;
    let connected = printed(&stack, "connected {").await;
    for (event, kind) in [(event, "MESSAGE"), (connected, "CONNECT"), (disconnected, "DISCONNECT")] {
        let parsed: ApiGatewayWebsocketProxyRequest = serde_json::from_value(event.clone()).unwrap();
        assert_eq!(parsed.request_context.event_type.as_deref(), Some(kind));
        assert_eq!(parsed.request_context.connected_at, event["requestContext"]["connectedAt"].as_i64().unwrap());
    }
}

async fn only_routes_with_a_response_answer() {
    let stack = stack().await;
    let mut socket = open(&stack).await;
    socket.tell(&json!({ "action": "silent", "text": "heard" })).await;
    stack.log_line("socket", "told heard").await.unwrap();
    // Nothing came of it: the next message is the next one's.
    assert_eq!(socket.ask(&json!({ "action": "echo", "text": "next" })).await, "next");
}

async fn failures_are_told_as_api_gateway_tells_them() {
    let stack = stack().await;
    let (mut socket, id) = known(&stack).await;
    for (action, sentence) in
        [("fail", "Internal server error"), ("bare", "Internal server error"), ("slow", "Endpoint request timed out")]
    {
        let told: Value = serde_json::from_str(&socket.ask(&json!({ "action": action })).await).unwrap();
        assert_eq!((&told["message"], &told["connectionId"]), (&json!(sentence), &json!(id)));
        assert_eq!(told["requestId"].as_str().map(str::len), Some(16));
    }
    let template = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stack/sockets.yaml")).unwrap();
    let without: String = {
        let mut lines: Vec<_> = template.lines().filter(|line| !line.trim_start().starts_with("$default:")).collect();
        let at = lines.iter().position(|line| line.trim() == "DefaultResponse:").unwrap();
        lines.drain(at..at + 3);
        lines.join("\n")
    };
    let file = std::env::temp_dir().join(format!("aura-local-{}-no-default.yaml", std::process::id()));
    std::fs::write(&file, without).unwrap();
    let stack = builder().template(&file).start().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let (mut socket, id) = known(&stack).await;
    socket.tell_text("no action").await;
    let told = socket.hear_json().await;
    assert_eq!((&told["message"], &told["connectionId"]), (&json!("Forbidden"), &json!(id)));
}

async fn manage(socket: &mut Socket, call: &str, id: &str, text: &str) -> String {
    socket.ask(&json!({ "action": "manage", "call": call, "id": id, "text": text })).await
}

async fn functions_post_get_and_delete() {
    let stack = stack().await;
    let (mut alice, _) = known(&stack).await;
    let (mut bob, id) = known(&stack).await;
    assert_eq!(manage(&mut alice, "post", &id, "hello, bøb").await, "posted");
    assert_eq!(bob.hear().await, "hello, bøb");
    let got: Value = serde_json::from_str(&manage(&mut alice, "get", &id, "").await).unwrap();
    assert_eq!(got["sourceIp"], "127.0.0.1");
    assert!(got["connectedAt"].is_i64() && got["lastActiveAt"].as_i64() >= got["connectedAt"].as_i64(), "{got}");
    assert_eq!(manage(&mut alice, "delete", &id, "").await, "deleted");
    let gone = "GoneException: 410";
    assert_eq!(manage(&mut alice, "post", &id, "too late").await, gone);
    assert_eq!(bob.end().await.map(|frame| frame.code), Some(CloseCode::Normal));
    for call in ["post", "get", "delete"] {
        assert_eq!(manage(&mut alice, call, &id, "").await, gone);
        assert_eq!(manage(&mut alice, call, "nobody=", "").await, gone);
    }
    assert_eq!(disconnected(&stack, &id).await["eventType"], "DISCONNECT");
}

async fn what_connections_refuse_the_sdk_understands() {
    let stack = stack().await;
    let (mut socket, id) = known(&stack).await;
    let large = manage(&mut socket, "large", &id, "").await;
    assert!(large.starts_with("PayloadTooLargeException"), "{large}");
    let denied = socket.ask(&json!({ "action": "stranger", "call": "post", "id": id, "text": "a" })).await;
    let sentence = format!(
        "assumed-role/stranger/stranger is not authorized to perform: execute-api:ManageConnections on resource: \
         arn:aws:execute-api:us-east-1:123456789012:websocketapi/prod/POST/@connections/{id}"
    );
    assert!(denied.starts_with("ForbiddenException") && denied.contains(&sentence), "{denied}");
    let allowed = socket.ask(&json!({ "action": "stranger", "call": "get", "id": id })).await;
    assert!(allowed.contains("sourceIp"), "{allowed}");
}

async fn a_slow_consumer_is_refused_and_harms_nobody() {
    let stack = stack().await;
    let (mut alice, _) = known(&stack).await;
    let (mut bob, id) = known(&stack).await;
    let full = manage(&mut alice, "flood", &id, "").await;
    assert!(full.starts_with("LimitExceededException"), "{full}");
    // Everything that was taken arrives, and then there is room again.
    assert_eq!(bob.hear().await.len(), 128 * 1024);
    bob.tell(&json!({ "action": "silent", "text": "still heard" })).await;
    stack.log_line("socket", "told still heard").await.unwrap();
    let reading = async {
        loop {
            if bob.hear().await == "last" {
                return;
            }
        }
    };
    let posting = async { while manage(&mut alice, "post", &id, "last").await != "posted" {} };
    tokio::join!(reading, posting);
}

async fn messages_of_one_connection_overtake_each_other() {
    let stack = stack().await;
    let mut socket = open(&stack).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    socket.tell(&json!({ "action": "meet", "at": at, "text": "first" })).await;
    let first = meet(&listener).await;
    assert_eq!(socket.ask(&json!({ "action": "echo", "text": "second" })).await, "second");
    release(first).await;
    assert_eq!(socket.hear().await, "first");
}

async fn quotas_close_with_their_codes() {
    const KB: usize = 1024;
    let stack = stack().await;
    let frame =
        |opcode, bytes: usize, last| Message::Frame(Frame::message(vec![b'a'; bytes], OpCode::Data(opcode), last));
    // A frame of 32 KB, and a message of 128 KB in four of them, are taken.
    let mut socket = open(&stack).await;
    let fits = json!({ "action": "echo", "text": "" }).to_string().len();
    let text = "a".repeat(32 * KB - fits);
    assert_eq!(socket.ask(&json!({ "action": "echo", "text": text })).await, text);
    for (opcode, last) in
        [(Data::Text, false), (Data::Continue, false), (Data::Continue, false), (Data::Continue, true)]
    {
        socket.stream.send(frame(opcode, 32 * KB, last)).await.unwrap();
    }
    assert_eq!(socket.hear_json().await["message"], "Internal server error"); // $default's answer would be too long

    let mut socket = open(&stack).await;
    let _ = socket.stream.send(frame(Data::Text, 32 * KB + 1, true)).await;
    assert_eq!(socket.end().await.map(|frame| frame.code), Some(CloseCode::Size));

    let mut socket = open(&stack).await;
    let _ = socket.stream.send(frame(Data::Text, 32 * KB, false)).await;
    for _ in 0..4 {
        let _ = socket.stream.send(frame(Data::Continue, 32 * KB, false)).await;
    }
    assert_eq!(socket.end().await.map(|frame| frame.code), Some(CloseCode::Size));

    let (mut socket, id) = known(&stack).await;
    socket.stream.send(Message::binary(vec![1])).await.unwrap();
    assert_eq!(socket.end().await.map(|frame| frame.code), Some(CloseCode::Unsupported));
    assert_eq!(disconnected(&stack, &id).await["disconnectStatusCode"], 1003);
}

async fn idle_and_old_connections_go_away() {
    for builder in
        [builder().websocket_idle(Duration::from_millis(100)), builder().websocket_life(Duration::from_millis(100))]
    {
        let stack = builder.start().await.unwrap();
        let mut socket = open(&stack).await;
        let frame = socket.end().await.unwrap();
        assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Away, "Going away"));
        let event = printed(&stack, "disconnected").await;
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1001);
    }
}

async fn too_many_new_connections_are_refused() {
    let stack = builder().websocket_connections_per_second(1).start().await.unwrap();
    let (mut opened, mut refused) = (0, 0);
    while refused == 0 && opened < 100 {
        match Socket::open(&stack.websocket(), &[]).await {
            Ok(_) => opened += 1,
            Err((status, body)) => {
                assert_eq!((status, body.contains("Too Many Requests")), (429, true), "{body}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1);
}

async fn disconnect_says_why() {
    let stack = stack().await;
    let why = async |id: &str| {
        let context = disconnected(&stack, id).await;
        (context["disconnectStatusCode"].clone(), context["disconnectReason"].clone())
    };
    let (mut socket, id) = known(&stack).await;
    let frame = CloseFrame { code: CloseCode::Library(4001), reason: "bye".into() };
    socket.stream.close(Some(frame)).await.unwrap();
    socket.end().await;
    assert_eq!(why(&id).await, (json!(4001), json!("bye")));

    let (mut socket, id) = known(&stack).await;
    socket.stream.close(None).await.unwrap();
    socket.end().await;
    assert_eq!(why(&id).await, (json!(1005), json!("Client-side close frame status not set")));

    let (mut socket, id) = known(&stack).await;
    assert!(stack.cut_connection(&id) && !stack.cut_connection(&id));
    assert_eq!(socket.end().await, None);
    assert_eq!(why(&id).await.0, 1006);
}

async fn faults_hit_what_they_name() {
    let stack = stack().await;
    let (mut alice, alice_id) = known(&stack).await;
    let (mut bob, id) = known(&stack).await;

    stack.socket_fault(Rule::new(Fault::LosePost).connection(&id).times(1));
    assert_eq!(manage(&mut alice, "post", &id, "lost").await, "posted");
    assert_eq!(manage(&mut alice, "post", &id, "kept").await, "posted");
    assert_eq!(bob.hear().await, "kept");
    stack.socket_fault(Rule::new(Fault::RefusePost).times(1));
    assert!(manage(&mut alice, "post", &id, "").await.starts_with("LimitExceededException"));

    stack.socket_fault(Rule::new(Fault::LoseMessage).route("echo").times(1));
    stack.socket_fault(Rule::new(Fault::DuplicateMessage).connection(&alice_id).route("echo").skip(1).times(1));
    alice.tell(&json!({ "action": "echo", "text": "never" })).await;
    alice.tell(&json!({ "action": "echo", "text": "twice" })).await;
    assert_eq!([alice.hear().await, alice.hear().await], ["twice", "twice"]);
    stack.socket_fault(Rule::new(Fault::LoseAnswer).times(1));
    alice.tell(&json!({ "action": "echo", "text": "unheard" })).await;
    stack.log_line("socket", "told unheard").await.unwrap();
    assert!(stack.logs("socket").iter().all(|line| line != "told never"));

    stack.socket_fault(Rule::new(Fault::KillAfter(Duration::ZERO)).times(1));
    let never = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", never.local_addr().unwrap());
    let told: Value = serde_json::from_str(&alice.ask(&json!({ "action": "meet", "at": at })).await).unwrap();
    assert_eq!(told["message"], "Internal server error");

    stack.socket_fault(Rule::new(Fault::SkipDisconnect).connection(&id).times(1));
    bob.stream.close(None).await.unwrap();
    bob.end().await;
    alice.stream.close(None).await.unwrap();
    alice.end().await;
    disconnected(&stack, &alice_id).await;
    assert!(stack.logs("socket").iter().all(|line| !line.starts_with("disconnected") || !line.contains(&id)));
}

async fn functions_find_the_apis_of_their_template() {
    let stack = stack().await;
    let environment = &stack.addresses()["environment"]["socket"];
    assert_eq!(environment["WEBSOCKET_URL"], stack.websocket());
    assert_eq!(environment["CONNECTIONS_URL"], stack.websocket().replace("ws://", "http://"));
    assert_eq!(environment["HTTP_URL"], stack.http());
    assert_eq!(environment["TASK_FUNCTION"], "task");
    assert_eq!(environment["AWS_ENDPOINT_URL_LAMBDA"], stack.lambda());
    assert_eq!(environment["AWS_ENDPOINT_URL_S3"], stack.s3());
    assert_eq!(stack.addresses()["websocket"], stack.websocket());
    assert_eq!(stack.addresses()["outputs"]["WebSocketUrl"], stack.websocket());
    assert_eq!(stack.outputs().last().unwrap(), &("HttpApiUrl".to_owned(), stack.http().to_owned()));
    let page = get(stack.http(), "/").await;
    assert!(page.head.contains(&format!("connect-src 'self' {} {};", stack.ws(), stack.s3())), "{}", page.head);
    let routes = stack.socket_routes();
    assert_eq!(routes.iter().filter(|route| !route.answers).count(), 5);
}

/// A post of the operator; its status.
async fn post(stack: &Stack, id: &str, text: &str) -> u16 {
    let head = format!("POST /prod/@connections/{} HTTP/1.1\r\n", id.replace('=', "%3D"));
    send(&stack.ws().replace("ws://", "http://"), [127, 0, 0, 1].into(), &head, text.as_bytes()).await.unwrap().status
}

/// What two clients hear of twenty echoes and twenty posts each, in alphabetical order.
async fn heard_under(seed: u64, chaos: Chaos) -> Vec<Vec<String>> {
    let stack = stack().await;
    stack.socket_chaos(seed, chaos);
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut socket = open(&stack).await;
        let id = stack.connections().pop().unwrap();
        for n in 0..20 {
            socket.tell(&json!({ "action": "echo", "text": format!("echo {n:02}") })).await;
            assert_eq!(post(&stack, &id, &format!("post {n:02}")).await, 200);
        }
        // The pong says that every message was read, and the quiet that it was dealt with.
        socket.stream.send(Message::Ping("".into())).await.unwrap();
        let mut heard = Vec::new();
        loop {
            match socket.stream.next().await {
                Some(Ok(Message::Pong(_))) => break,
                Some(Ok(Message::Text(text))) => heard.push(text.as_str().to_owned()),
                other => panic!("{other:?}"),
            }
        }
        stack.quiet().await.unwrap();
        stack.end_faults();
        assert_eq!(post(&stack, &id, "end").await, 200);
        stack.socket_chaos(seed, chaos);
        loop {
            match socket.hear().await {
                text if text == "end" => break,
                text => heard.push(text),
            }
        }
        heard.sort();
        all.push(heard);
    }
    all
}

async fn a_seed_repeats_its_faults() {
    let chaos = Chaos {
        message_delay: Duration::from_millis(5),
        lose_message: 0.2,
        duplicate_message: 0.2,
        lose_answer: 0.1,
        post_delay: Duration::from_millis(5),
        lose_post: 0.3,
        ..Chaos::default()
    };
    let first = heard_under(42, chaos).await;
    assert_eq!(first, heard_under(42, chaos).await);
    assert_ne!(first, heard_under(43, chaos).await);
    let calm = heard_under(42, Chaos::default()).await;
    assert_eq!(calm.iter().map(Vec::len).collect::<Vec<_>>(), [40, 40]);
}

async fn an_authorizer_guards_the_door_and_names_the_guest() {
    let stack = builder_of("authorized.yaml").start().await.unwrap();
    assert_eq!(stack.websocket(), format!("{}/default", stack.ws()));
    let enter = async |query: &str| Socket::open(&format!("{}{query}", stack.websocket()), &[]).await;
    for (query, status) in [("", 401), ("?token=bob", 403), ("?token=nobody", 401), ("?token=else", 500)] {
        assert_eq!(enter(query).await.err().map(|(status, _)| status), Some(status), "{query}");
    }
    assert!(stack.processes("socket").is_empty(), "$connect was asked for a guest who was not let in");
    let mut ann = enter("?token=ann").await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let guest = json!({ "level": "5", "principalId": "ann", "tenant": "t1" });
    ann.tell(&json!({ "action": "event" })).await;
    assert_eq!(ann.hear_json().await["requestContext"]["authorizer"], guest);
    ann.stream.close(None).await.unwrap();
    ann.end().await;
    for event in [printed(&stack, "connected {").await, printed(&stack, "disconnected").await] {
        assert_eq!(event["requestContext"]["authorizer"], guest);
    }
}

async fn functions_invoke_what_their_policies_name() {
    let stack = stack().await;
    let mut socket = open(&stack).await;
    let mut invoked = async |function: &str| {
        let message = json!({ "action": "invoke", "function": function, "event": { "text": function } });
        socket.ask(&message).await
    };
    assert_eq!(invoked("task").await, json!({ "status": 202 }).to_string());
    stack.log_line("task", "task task").await.unwrap();
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:task";
    assert_eq!(invoked(arn).await, json!({ "status": 202 }).to_string());
    stack.log_line("task", &format!("task {arn}")).await.unwrap();
    assert_eq!(invoked("stranger").await, json!({ "status": 403 }).to_string());
    let denied = invoke_as("AKIALOCAL.task", stack.lambda(), "task", "Event", &json!({})).await.unwrap();
    let sentence =
        format!("assumed-role/task/task is not authorized to perform: lambda:InvokeFunction on resource: {arn}");
    assert!(denied.body.contains(&sentence), "{}", denied.body);
    let large = json!({ "text": "a".repeat(1024 * 1024) });
    assert_eq!(invoke_as("operator", stack.lambda(), "task", "Event", &large).await.unwrap().status, 413);
    assert!(stack.processes("stranger").is_empty());
}

async fn background(stack: &Stack, event: &Value) {
    assert_eq!(invoke_as("operator", stack.lambda(), "task", "Event", event).await.unwrap().status, 202);
}

async fn background_work_is_tried_three_times() {
    let stack = stack().await;
    background(&stack, &json!({ "text": "hopeless", "fail": true })).await;
    stack.log_line("task", "is given up after three attempts").await.unwrap();
    // The same process prints this, behind whatever it printed before.
    background(&stack, &json!({ "text": "afterwards" })).await;
    stack.log_line("task", "task afterwards").await.unwrap();
    let attempts: Vec<_> = stack.logs("task").into_iter().filter(|line| line.starts_with("task hopeless")).collect();
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert!(attempts.iter().all(|attempt| *attempt == attempts[0]), "the request id changed: {attempts:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    background(&stack, &json!({ "text": "killed once", "at": at })).await;
    let _inside = meet(&listener).await;
    stack.kill("task").await;
    release(meet(&listener).await).await;
    stack.quiet().await.unwrap();
}

async fn background_work_waits_for_a_process() {
    let stack = builder().processes(1).start().await.unwrap();
    let mut socket = open(&stack).await;
    // The only process is the one that asks for another's.
    let message = json!({ "action": "invoke", "function": "task", "event": { "text": "in its time" } });
    assert_eq!(socket.ask(&message).await, json!({ "status": 202 }).to_string());
    stack.log_line("task", "task in its time").await.unwrap();
    stack.quiet().await.unwrap();
}

async fn hundreds_of_connections_hear_their_posts() {
    const CONNECTIONS: usize = 300;
    let stack = builder().processes(4).start().await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        sockets.push(open(&stack).await);
    }
    let ids = stack.connections();
    assert_eq!(ids.len(), CONNECTIONS);
    for id in &ids {
        assert_eq!(post(&stack, id, id).await, 200);
    }
    let mut heard = Vec::new();
    for socket in &mut sockets {
        heard.push(socket.hear().await);
    }
    heard.sort();
    let mut expected = ids;
    expected.sort();
    assert_eq!(heard, expected);
}
