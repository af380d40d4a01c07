//! AWS::S3::Bucket: its name, CORS and the days after which its objects are deleted. What only makes a real bucket safer
//! (encryption, public access blocks, ownership) is accepted. Absent: versioning, replication, notifications, websites,
//! bucket policies, transitions to other storage classes.

use super::fields::Fields;
use super::http_api::Cors;
use super::yaml::{Node, Refusal};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bucket {
    /// The physical name, which is the logical id in lower case: S3 has no other letters.
    pub(crate) name: String,
    pub(crate) cors: Option<Cors>,
    /// Prefix, and days of life.
    pub(crate) expirations: Vec<(String, u64)>,
}

pub(crate) fn name(id: &str) -> String {
    id.to_ascii_lowercase()
}

pub(crate) fn arn(id: &str) -> String {
    format!("arn:aws:s3:::{}", name(id))
}

pub(crate) fn read(id: &str, properties: &mut Fields<'_>) -> Result<Bucket, Refusal> {
    properties.ignore(&["BucketEncryption", "OwnershipControls", "PublicAccessBlockConfiguration", "Tags"]);
    let cors = properties.take("CorsConfiguration").map(cors).transpose()?;
    let expirations = properties.take("LifecycleConfiguration").map(lifecycle).transpose()?.unwrap_or_default();
    Ok(Bucket { name: name(id), cors, expirations })
}

/// One rule: several would need S3's own order of looking at them.
fn cors(node: &Node) -> Result<Cors, Refusal> {
    let mut fields = Fields::of(node, "property", "CorsConfiguration")?;
    let rules = fields.need("CorsRules")?;
    fields.finish()?;
    let [rule] = rules.list()? else {
        return Refusal::at(rules.line, "this stack emulates one CORS rule a bucket");
    };
    let mut fields = Fields::of(rule, "property", "a CORS rule")?;
    fields.ignore(&["Id"]);
    let (origins, methods) = (fields.need("AllowedOrigins")?.words()?, fields.need("AllowedMethods")?.words()?);
    let mut words = |name| fields.take(name).map(Node::words).transpose().map(Option::unwrap_or_default);
    let (headers, expose) = (words("AllowedHeaders")?, words("ExposedHeaders")?);
    let max_age = fields.take("MaxAge").map(Node::number).transpose()?;
    fields.finish()?;
    Ok(Cors { origins, methods, headers, expose, max_age, credentials: false })
}

fn lifecycle(node: &Node) -> Result<Vec<(String, u64)>, Refusal> {
    let mut fields = Fields::of(node, "property", "LifecycleConfiguration")?;
    let rules = fields.need("Rules")?;
    fields.finish()?;
    let mut expirations = Vec::new();
    for rule in rules.list()? {
        let mut fields = Fields::of(rule, "property", "a lifecycle rule")?;
        // Uploads in parts, whose remains it deletes, are not emulated.
        fields.ignore(&["Id", "AbortIncompleteMultipartUpload"]);
        let enabled = fields.need("Status")?.text()? == "Enabled";
        let prefix = fields.take("Prefix").map(Node::text).transpose()?.unwrap_or_default().to_owned();
        let days = fields.take("ExpirationInDays").map(Node::number).transpose()?;
        fields.finish()?;
        if enabled {
            expirations.extend(days.map(|days| (prefix, days)));
        }
    }
    Ok(expirations)
}
