//! The environment of a function: what Lambda gives, what the template says, and where the emulated
//! services are. Nothing of the developer's own environment gets in (certificate paths, proxies and
//! profiles would make it another program than the deployed one), save RUST_BACKTRACE.

use crate::template::{Function, REGION};
use std::path::Path;

pub(crate) struct Endpoints {
    pub(crate) dynamodb: String,
    pub(crate) secrets_manager: String,
    pub(crate) lambda: String,
    pub(crate) s3: String,
}

/// `serial` is `None` for a process that somebody else will start.
pub(crate) fn of(
    function: &Function,
    binary: &Path,
    endpoints: &Endpoints,
    serial: Option<u64>,
) -> Vec<(String, String)> {
    let root = binary.parent().unwrap_or(Path::new("/")).display().to_string();
    let memory = function.memory_mb.to_string();
    let log_group = format!("/aws/lambda/{}", function.name);
    let log_stream = format!("[$LATEST]{:032x}", serial.unwrap_or_default());
    let access_key = access_key(&function.name, serial);
    let mut environment: Vec<(String, String)> = [
        ("_HANDLER", "bootstrap"),
        ("AWS_ACCESS_KEY_ID", access_key.as_str()),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &log_stream),
        ("AWS_REGION", REGION),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("HOME", "/tmp"),
        ("LAMBDA_TASK_ROOT", &root),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        ("TZ", ":UTC"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb),
        ("AWS_ENDPOINT_URL_LAMBDA", &endpoints.lambda),
        ("AWS_ENDPOINT_URL_S3", &endpoints.s3),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &endpoints.secrets_manager),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    #[expect(clippy::disallowed_methods, reason = "the one variable of the developer's that gets in")]
    let backtrace = std::env::var("RUST_BACKTRACE");
    environment.extend(backtrace.ok().map(|value| ("RUST_BACKTRACE".to_owned(), value)));
    environment.extend(function.environment.clone());
    environment
}

/// Who calls, for the services: `AKIALOCAL.login.7` is the seventh process, running `login`.
fn access_key(function: &str, serial: Option<u64>) -> String {
    match serial {
        Some(serial) => format!("AKIALOCAL.{function}.{serial}"),
        None => format!("AKIALOCAL.{function}"),
    }
}
