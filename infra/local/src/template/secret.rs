//! AWS::SecretsManager::Secret and its RotationSchedule. Absent: rotation on a schedule (the stack
//! rotates at its first start and on demand), replicas, hosted rotation functions.

use super::fields::Fields;
use super::intrinsics::{ACCOUNT, REGION};
use super::yaml::{Node, Refusal};

#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// The logical id, which is the name too.
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) source: Source,
}

#[derive(Debug, Clone)]
pub(crate) enum Source {
    Text(String),
    Generate(Generate),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Generate {
    /// `SecretStringTemplate` and `GenerateStringKey`.
    pub(crate) into: Option<(String, String)>,
    pub(crate) length: usize,
    pub(crate) exclude_characters: String,
    pub(crate) exclude_lowercase: bool,
    pub(crate) exclude_uppercase: bool,
    pub(crate) exclude_numbers: bool,
    pub(crate) exclude_punctuation: bool,
    pub(crate) include_space: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    pub(crate) secret_arn: String,
    pub(crate) function: String,
    pub(crate) immediately: bool,
}

/// AWS appends six random characters; here they follow from the name, so that they survive restarts.
pub(crate) fn arn(name: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut suffix = String::new();
    for _ in 0..6 {
        let at = usize::try_from(hash % LETTERS.len() as u64).unwrap_or(0);
        suffix.push(char::from(LETTERS[at]));
        hash /= LETTERS.len() as u64;
    }
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{suffix}")
}

pub(crate) fn read(id: &str, properties: &mut Fields<'_>) -> Result<Secret, Refusal> {
    properties.ignore(&["Description", "KmsKeyId", "Tags"]);
    let source = match (properties.take("SecretString"), properties.take("GenerateSecretString")) {
        (Some(text), None) => Source::Text(text.text()?.to_owned()),
        (None, Some(node)) => Source::Generate(generate(node)?),
        _ => return Refusal::at(properties.line(), format!("{id} needs one of SecretString and GenerateSecretString")),
    };
    Ok(Secret { name: id.to_owned(), arn: arn(id), source })
}

fn generate(node: &Node) -> Result<Generate, Refusal> {
    let mut fields = Fields::of(node, "property", "GenerateSecretString")?;
    fields.ignore(&["RequireEachIncludedType"]);
    let into = match (fields.take("SecretStringTemplate"), fields.take("GenerateStringKey")) {
        (Some(template), Some(key)) => {
            let text = template.text()?;
            if !serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object()) {
                return Refusal::at(template.line, "SecretStringTemplate must be a JSON object");
            }
            Some((text.to_owned(), key.text()?.to_owned()))
        }
        (None, None) => None,
        _ => return Refusal::at(node.line, "SecretStringTemplate and GenerateStringKey come together"),
    };
    let mut flag = |name| fields.take(name).map(Node::boolean).transpose().map(|flag| flag.unwrap_or(false));
    let generate = Generate {
        into,
        exclude_lowercase: flag("ExcludeLowercase")?,
        exclude_uppercase: flag("ExcludeUppercase")?,
        exclude_numbers: flag("ExcludeNumbers")?,
        exclude_punctuation: flag("ExcludePunctuation")?,
        include_space: flag("IncludeSpace")?,
        exclude_characters: fields
            .take("ExcludeCharacters")
            .map(Node::text)
            .transpose()?
            .unwrap_or_default()
            .to_owned(),
        length: fields
            .take("PasswordLength")
            .map(Node::number)
            .transpose()?
            .map_or(Ok(32), usize::try_from)
            .unwrap_or(0),
    };
    fields.finish()?;
    if generate.length == 0 || generate.length > 4096 {
        return Refusal::at(node.line, "PasswordLength is 1 to 4096");
    }
    if generate.alphabet().is_empty() {
        return Refusal::at(node.line, "these exclusions leave no characters");
    }
    Ok(generate)
}

impl Generate {
    pub(crate) fn alphabet(&self) -> Vec<u8> {
        let kept = |byte: &u8| match byte {
            b' ' => self.include_space,
            b'a'..=b'z' => !self.exclude_lowercase,
            b'A'..=b'Z' => !self.exclude_uppercase,
            b'0'..=b'9' => !self.exclude_numbers,
            _ => !self.exclude_punctuation,
        };
        (b' '..=b'~').filter(kept).filter(|byte| !self.exclude_characters.as_bytes().contains(byte)).collect()
    }
}

pub(crate) fn rotation(properties: &mut Fields<'_>) -> Result<Rotation, Refusal> {
    properties.ignore(&["RotationRules"]);
    let secret_arn = properties.need("SecretId")?.text()?.to_owned();
    let function = properties.need("RotationLambdaARN")?.text()?;
    Ok(Rotation {
        secret_arn,
        function: function.rsplit(':').next().unwrap_or(function).to_owned(),
        immediately: properties.take("RotateImmediatelyOnUpdate").map(Node::boolean).transpose()?.unwrap_or(true),
    })
}
