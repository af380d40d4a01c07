//! The start of a stack: the template read, every service bound to its port before anything is told
//! where the others are, and the gateways last, when what they call answers.

use crate::data::Data;
use crate::dynamodb;
use crate::error::{Error, Result};
use crate::gateway::{self, Gateway, Page, Routes};
use crate::hosts::Hosts;
use crate::iam::Policies;
use crate::lambda::environment::Endpoints;
use crate::lambda::{Lambda, MAX_PAYLOAD, invoke_api};
use crate::s3::{self, S3};
use crate::secrets::{self, SecretsManager, Vault, rotation};
use crate::server;
use crate::settings::Settings;
use crate::sockets::{self, Limits, Sockets};
use crate::template::{self, Rotation, Template};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Binaries = Arc<dyn Fn(&str) -> PathBuf + Send + Sync>;

/// What a stack is started with; `crate::builder` fills it in.
pub(crate) struct Plan {
    pub(crate) template: PathBuf,
    pub(crate) binaries: Binaries,
    pub(crate) settings: Settings,
    pub(crate) data: Option<PathBuf>,
    pub(crate) port: u16,
    pub(crate) ws_port: u16,
    pub(crate) processes: usize,
    pub(crate) ttl_sweep: Option<Duration>,
    pub(crate) rotate: bool,
    pub(crate) echo: bool,
    pub(crate) sockets: Limits,
}

pub(crate) type Addresses = [(&'static str, String); 6];

/// A stack that answers, in its parts.
pub(crate) struct Launched {
    pub(crate) template: Template,
    pub(crate) addresses: Addresses,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) dynamodb: Arc<dynamodb::Front>,
    pub(crate) secrets: Arc<SecretsManager>,
    pub(crate) s3: Arc<S3>,
    pub(crate) sockets: Option<Arc<Sockets>>,
    pub(crate) hosts: Hosts,
    pub(crate) data: Option<Data>,
}

pub(crate) async fn launch(plan: Plan) -> Result<Launched> {
    let mut template = Template::read(&plan.template, &plan.settings.merged())?;
    let overlay = plan.settings.apply(&mut template)?;
    let data = plan.data.as_deref().map(Data::open).transpose()?;
    let policies =
        template.functions.iter().map(|function| (function.name.clone(), function.policies.clone())).collect();
    let policies = Arc::new(Policies(policies));

    let engine = dynamodb::Engine::open(data.as_ref().map(|data| data.tables.as_path()), &template.tables)?;
    let front = Arc::new(dynamodb::Front::new(engine, Arc::clone(&policies)));
    let vault = Vault::open(data.as_ref().map(|data| data.secrets.clone()), &template.secrets, overlay)?;
    let secrets = Arc::new(SecretsManager { vault, policies: Arc::clone(&policies), lambda: Default::default() });

    let (http, http_address) = server::bind(plan.port).await?;
    let (ws, ws_address) = server::bind(plan.ws_port).await?;
    let (tables, tables_address) = server::bind(0).await?;
    let (vault, vault_address) = server::bind(0).await?;
    let (invoke, invoke_address) = server::bind(0).await?;
    let (objects, objects_address) = server::bind(0).await?;
    let addresses = [
        ("http", format!("http://{http_address}")),
        ("ws", format!("ws://{ws_address}")),
        ("dynamodb", format!("http://{tables_address}")),
        ("secretsmanager", format!("http://{vault_address}")),
        ("lambda", format!("http://{invoke_address}")),
        ("s3", format!("http://{objects_address}")),
    ];
    let hosts = Hosts::new(&template, &http_address.to_string(), &ws_address.to_string());
    for value in template.functions.iter_mut().flat_map(|function| function.environment.values_mut()) {
        *value = hosts.resolve(value);
    }
    for host in [http_address.to_string(), format!("localhost:{}", http_address.port())] {
        template.admit(&format!("http://{host}"));
    }
    let functions = binaries(&template, &plan.binaries)?;
    let endpoints = Endpoints {
        dynamodb: addresses[2].1.clone(),
        secrets_manager: addresses[3].1.clone(),
        lambda: addresses[4].1.clone(),
        s3: addresses[5].1.clone(),
    };
    let lambda = Arc::new(Lambda::new(functions, endpoints, plan.processes, plan.echo));
    let _ = front.lambda.set(Arc::clone(&lambda));
    let _ = secrets.lambda.set(Arc::clone(&lambda));

    let service = Arc::clone(&front);
    server::serve(tables, dynamodb::BODY_LIMIT, move |request| {
        let front = Arc::clone(&service);
        async move { front.answer(request).await }
    });
    let service = Arc::clone(&secrets);
    server::serve(vault, secrets::BODY_LIMIT, move |request| Arc::clone(&service).answer(request));
    let service = (Arc::clone(&lambda), Arc::clone(&policies));
    server::serve(invoke, MAX_PAYLOAD + 1024 * 1024, move |request| {
        let (lambda, policies) = service.clone();
        async move { invoke_api::answer(lambda, &policies, request).await }
    });
    let s3 = Arc::new(S3::new(template.buckets.clone(), Arc::clone(&policies)));
    let service = Arc::clone(&s3);
    server::serve(objects, s3::BODY_LIMIT, move |request| Arc::clone(&service).answer(request));
    upkeep(&lambda, &front, plan.ttl_sweep);

    for rotation in &template.rotations {
        let arn = format!("arn:aws:lambda:{}:{}:function:{}", template::REGION, template::ACCOUNT, rotation.function);
        let rotated = secrets.schedule(&rotation.secret_arn, &arn)?;
        if plan.rotate && rotation.immediately && !rotated {
            rotate(&secrets, &lambda, rotation).await?;
        }
    }
    let gateway = Arc::new(Gateway {
        routes: Routes::new(&template.functions),
        cors: template.cors.clone(),
        page: Page::new(&addresses[1].1, &addresses[5].1),
        lambda: Arc::clone(&lambda),
    });
    server::serve(http, gateway::BODY_LIMIT, move |request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.answer(request).await }
    });
    let api = template.websocket_api.clone();
    let sockets = api.map(|api| Arc::new(Sockets::new(api, Arc::clone(&lambda), policies, plan.sockets)));
    match &sockets {
        None => server::serve(ws, sockets::BODY_LIMIT, sockets::absent),
        Some(sockets) => {
            let sockets = Arc::clone(sockets);
            server::serve(ws, sockets::BODY_LIMIT, move |request| {
                let sockets = Arc::clone(&sockets);
                async move { Some(sockets.answer(request).await) }
            })
        }
    };
    Ok(Launched { template, addresses, lambda, dynamodb: front, secrets, s3, sockets, hosts, data })
}

pub(crate) async fn rotate(secrets: &SecretsManager, lambda: &Lambda, schedule: &Rotation) -> Result<()> {
    rotation::rotate(&secrets.vault, lambda, &schedule.secret_arn, &schedule.function, None).await.map(drop)
}

fn binaries(template: &Template, find: &Binaries) -> Result<Vec<(template::Function, PathBuf)>> {
    let with_binary = |function: &template::Function| {
        let binary = find(&function.name);
        if binary.is_file() {
            return Ok((function.clone(), binary));
        }
        Err(Error::new(format!(
            "{} has no binary at {}; build it with `cargo build -p aura-functions --bins`",
            function.logical_id,
            binary.display()
        )))
    };
    template.functions.iter().map(with_binary).collect()
}

fn upkeep(lambda: &Arc<Lambda>, front: &Arc<dynamodb::Front>, ttl_sweep: Option<Duration>) {
    let lambda = Arc::clone(lambda);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            lambda.reap();
        }
    });
    let (Some(every), engine) = (ttl_sweep, front.engine.clone()) else { return };
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let engine = engine.clone();
            let _ = tokio::task::spawn_blocking(move || engine.sweep_ttl()).await;
        }
    });
}
