//! Every refusal names its line; the real template is read whole.

use super::*;

fn refused(text: &str) -> String {
    let refusal = Template::parse(text, &BTreeMap::new()).unwrap_err();
    format!("{}: {}", refusal.line, refusal.why)
}

fn function_with(property: &str) -> String {
    format!(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: f}}}}\n    Properties:\n      {property}\n"
    )
}

#[test]
fn the_real_template_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = Template::read(&path, &BTreeMap::new()).unwrap();
    let login = template.function("login").unwrap();
    assert_eq!(login.timeout, std::time::Duration::from_secs(10));
    assert_eq!(login.memory_mb, 1024);
    assert_eq!(login.environment["IDENTITY_TABLE"], "IdentityTable");
    assert_eq!(login.environment["JWT_EXPIRES_IN"], "15m");
    assert!(
        login.environment["SIGNING_KEY_SECRET"]
            .starts_with("arn:aws:secretsmanager:us-east-1:123456789012:secret:SigningKeySecret-")
    );
    assert_eq!(template.rotations[0].function, "rotate-signing-key");
    assert!(template.rotations[0].immediately);
    assert!(template.cors.unwrap().origins.contains(&"http://localhost:5173".to_owned()));
    assert_eq!(template.functions.iter().filter(|f| f.events.contains(&Event::Http(None))).count(), 1);
}

#[test]
fn unknown_things_are_refused_at_their_line() {
    for (text, sentence) in [
        (
            "Conditions:\n  A: b\nResources: {}\n",
            "1: this stack does not emulate the section `Conditions` of the template",
        ),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n",
            "3: this stack does not emulate the resource type `AWS::SQS::Queue`",
        ),
        (
            "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      AttributeDefinitions: []\n      KeySchema: []\n      Foo: 1\n",
            "7: this stack does not emulate the property `Foo` of AWS::DynamoDB::Table",
        ),
        (
            &function_with("Layers: [x]"),
            "6: this stack does not emulate the property `Layers` of AWS::Serverless::Function",
        ),
        (&function_with("Runtime: python3.13"), "6: this stack does not emulate the runtime `python3.13`"),
        (&function_with("Events: {E: {Type: S3}}"), "6: this stack does not emulate the event type `S3`"),
        (&function_with("Timeout: !If [a, b, c]"), "6: this stack does not emulate the intrinsic `!If`"),
        (
            &function_with("Timeout: !Ref Nothing"),
            "6: `Nothing` is neither a parameter nor a resource of this template",
        ),
        (
            &function_with("Policies: [{S3ReadPolicy: {BucketName: b}}]"),
            "6: this stack does not emulate the policy template `S3ReadPolicy` of Policies",
        ),
        (
            &function_with("Policies: [{Statement: [{Effect: Allow, Action: \"dynamodb:*\", Resource: a}]}]"),
            "6: `dynamodb:*` is a wildcard; name the actions that the function uses",
        ),
        (
            &function_with("Policies: [{Statement: [{Effect: Allow, Action: sqs:SendMessage, Resource: a}]}]"),
            "6: this stack does not emulate the service of the action `sqs:SendMessage`",
        ),
        (
            &function_with("Policies: [{Statement: [{Effect: Deny, Action: a, Resource: b}]}]"),
            "6: this stack emulates the policy effect Allow only",
        ),
        (
            &function_with("Events: {E: {Type: HttpApi, Properties: {Path: /a, Auth: {}}}}"),
            "6: this stack does not emulate the property `Auth` of an HttpApi event",
        ),
        (
            "Parameters:\n  P: {Type: String}\nResources: {}\n",
            "2: the parameter P has no default; set it in the environment or --env-file",
        ),
        (
            "Parameters:\n  P: {Type: Number, Default: 9, MaxValue: 3}\nResources: {}\n",
            "2: `9` is no value for the parameter P: outside MinValue and MaxValue",
        ),
    ] {
        assert_eq!(refused(text), sentence);
    }
}

#[test]
fn sub_and_long_forms_resolve() {
    let text = function_with(
        "Environment: {Variables: {A: !Sub \"${AWS::Region}-${T.Arn}-${!x}\", B: {Ref: T}, C: {\"Fn::GetAtt\": [F, Arn]}}}\n  T:\n    Type: AWS::DynamoDB::Table\n    Properties: {AttributeDefinitions: [], KeySchema: []}",
    );
    let template = Template::parse(&text, &BTreeMap::new()).unwrap();
    let environment = &template.functions[0].environment;
    assert_eq!(environment["A"], "us-east-1-arn:aws:dynamodb:us-east-1:123456789012:table/T-${x}");
    assert_eq!(environment["B"], "T");
    assert_eq!(environment["C"], "arn:aws:lambda:us-east-1:123456789012:function:f");
}

#[test]
fn settings_override_parameters() {
    let text = "Parameters:\n  CorsOrigins: {Type: CommaDelimitedList, Default: a}\nResources:\n  A:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n      CorsConfiguration: {AllowOrigins: !Ref CorsOrigins}\n";
    let settings = BTreeMap::from([("CORS_ORIGINS".to_owned(), "http://x, http://y".to_owned())]);
    assert_eq!(Template::parse(text, &settings).unwrap().cors.unwrap().origins, ["http://x", "http://y"]);
}

#[test]
fn a_rotation_needs_its_permission() {
    let text = function_with(
        "Timeout: 3\n  S:\n    Type: AWS::SecretsManager::Secret\n    Properties: {SecretString: a}\n  R:\n    Type: AWS::SecretsManager::RotationSchedule\n    Properties: {SecretId: !Ref S, RotationLambdaARN: !GetAtt F.Arn}",
    );
    assert_eq!(refused(&text), "10: no AWS::Lambda::Permission lets secretsmanager.amazonaws.com invoke `f`");
}

/// A WebSocket API with one function `f`, these properties and these resources beside it.
fn sockets_with(properties: &str, beside: &str) -> String {
    format!(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: f}}}}\n  Api:\n    Type: AWS::Serverless::WebSocketApi\n    Properties:\n      {properties}\n{beside}"
    )
}

const SELECTION: &str = "RouteSelectionExpression: $request.body.action\n      ";

#[test]
fn a_websocket_api_is_read_with_its_route_responses() {
    let routes = "StageName: prod\n      Routes:\n        $connect: {FunctionArn: !GetAtt F.Arn}\n        joinRoom: {FunctionArn: !GetAtt F.Arn, RouteResponseSelectionExpression: $default, IntegrationTimeout: 50}";
    let response = "  R:\n    Type: AWS::ApiGatewayV2::RouteResponse\n    Properties: {ApiId: !Ref Api, RouteId: !Ref ApiJoinroomRoute, RouteResponseKey: $default}\nOutputs:\n  Url: {Value: !Sub \"wss://${Api}.x/prod\"}\n";
    let template = Template::parse(&sockets_with(&format!("{SELECTION}{routes}"), response), &BTreeMap::new()).unwrap();
    let api = template.websocket_api.unwrap();
    assert_eq!(
        (api.id.as_str(), api.stage.as_str(), api.selection.as_slice()),
        ("api", "prod", &["action".to_owned()][..])
    );
    let routes: Vec<_> =
        api.routes.iter().map(|(key, route)| (key.as_str(), route.function.as_str(), route.answers)).collect();
    assert_eq!(routes, [("$connect", "f", false), ("joinRoom", "f", true)]);
    assert_eq!(template.outputs, [("Url".to_owned(), "wss://api.x/prod".to_owned())]);
}

#[test]
fn what_a_websocket_api_cannot_do_here_is_refused_at_its_line() {
    let response = |route: &str| {
        format!(
            "  R:\n    Type: AWS::ApiGatewayV2::RouteResponse\n    Properties: {{ApiId: !Ref Api, RouteId: {route}, RouteResponseKey: $default}}\n"
        )
    };
    let route = |extra: &str| format!("{SELECTION}Routes: {{a: {{FunctionArn: !GetAtt F.Arn{extra}}}}}");
    let answering = ", RouteResponseSelectionExpression: $default";
    for (properties, beside, sentence) in [
        (route(", ApiKeyRequired: true"), String::new(), "9: this stack does not emulate the property `ApiKeyRequired` of the route a"),
        (route("}, b-c: {FunctionArn: !GetAtt F.Arn"), String::new(), "9: `b-c` is no route key: SAM takes letters and digits, $connect, $disconnect and $default"),
        (route(answering), String::new(), "9: the route a answers nobody: no AWS::ApiGatewayV2::RouteResponse belongs to it"),
        (route(""), response("!Ref ApiARoute"), "9: the route a has a RouteResponse and no RouteResponseSelectionExpression to use it"),
        (route(answering), response("!Ref ApiBRoute"), "12: `ApiBRoute` is neither a parameter nor a resource of this template"),
        (route(answering), response("x"), "10: `x` is no route of Api"),
        (route(", IntegrationTimeout: 30000"), String::new(), "9: an IntegrationTimeout has 50 to 29000 milliseconds"),
        (route("").replace("F.Arn", "Api.Arn"), String::new(), "9: this stack does not emulate the attribute `Arn` of AWS::Serverless::WebSocketApi"),
        (route("").replace("!GetAtt F.Arn", "nobody"), String::new(), "9: `nobody` is no function of this template"),
        ("Routes: {a: {FunctionArn: !GetAtt F.Arn}}\n      RouteSelectionExpression: $request.header.a".to_owned(), String::new(), "9: this stack emulates the route selection `$request.body.{name}` only"),
        (route("") + "\n      Domain: {}", String::new(), "10: this stack does not emulate the property `Domain` of AWS::Serverless::WebSocketApi"),
        (route("") + "\n      Auth: {AuthType: AWS_IAM}", String::new(), "10: this stack does not emulate the AuthType `AWS_IAM`"),
        (route("") + "\n      Auth: {AuthType: CUSTOM, AuthArn: !GetAtt F.Arn}", String::new(), "10: an authoriser guards `$connect`, which has no route"),
        (route("") + "\n      StageName: $default", String::new(), "10: `$default` is no stage of a WebSocket API"),
        (route("") + "\n      DefaultRouteSettings: {Foo: 1}", String::new(), "10: this stack does not emulate the property `Foo` of DefaultRouteSettings"),
        (route(""), "  Second:\n    Type: AWS::Serverless::WebSocketApi\n    Properties: {RouteSelectionExpression: $request.body.a, Routes: {a: {FunctionArn: !GetAtt F.Arn}}}\n".to_owned(), "10: Api is a WebSocket API already"),
    ] {
        assert_eq!(refused(&sockets_with(&properties, &beside)), sentence, "{properties}");
    }
}

#[test]
fn a_bucket_has_a_name_in_lower_case_days_and_origins() {
    let bucket = |properties: &str| {
        let text = format!("Resources:\n  UploadBucket:\n    Type: AWS::S3::Bucket\n    Properties: {properties}\n");
        Template::parse(&text, &BTreeMap::new())
    };
    let mut template = bucket(
        "{LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 1}, {Status: Disabled, ExpirationInDays: 2}]}, \
         CorsConfiguration: {CorsRules: [{AllowedMethods: [POST], AllowedOrigins: [http://a], MaxAge: 600}]}}",
    )
    .unwrap();
    template.admit("http://b");
    let [bucket_read] = template.buckets.as_slice() else { panic!("one bucket") };
    assert_eq!((bucket_read.name.as_str(), &bucket_read.expirations), ("uploadbucket", &vec![(String::new(), 1)]));
    assert_eq!(bucket_read.cors.as_ref().unwrap().origins, ["http://a", "http://b"]);
    for (properties, line) in [
        ("{VersioningConfiguration: {Status: Enabled}}", "VersioningConfiguration"),
        ("{LifecycleConfiguration: {Rules: [{Status: Enabled, Transitions: []}]}}", "Transitions"),
        ("{CorsConfiguration: {CorsRules: []}}", "one CORS rule"),
    ] {
        let refusal = bucket(properties).unwrap_err();
        assert!(refusal.why.contains(line), "{}", refusal.why);
    }
}
