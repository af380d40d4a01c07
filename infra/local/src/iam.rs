//! Who calls an emulated service, and whether the template's policies let them.
//!
//! A function's access key names it; any other key (tests, the AWS CLI) belongs to an operator, who
//! may do everything. Signatures are not checked: on one machine they would prove nothing.

use crate::template::{ACCOUNT, Statement};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caller {
    pub(crate) function: String,
    pub(crate) serial: Option<u64>,
}

/// `None` is an operator.
pub(crate) fn caller(authorization: Option<&str>) -> Option<Caller> {
    let (_, credential) = authorization?.split_once("Credential=")?;
    let key = credential.split(['/', ',']).next()?.strip_prefix("AKIALOCAL.")?;
    let (function, serial) = match key.split_once('.') {
        Some((function, serial)) => (function, serial.parse().ok()),
        None => (key, None),
    };
    Some(Caller { function: function.to_owned(), serial })
}

#[derive(Debug, Default)]
pub(crate) struct Policies(pub BTreeMap<String, Vec<Statement>>);

impl Policies {
    /// AWS's sentence, when the function may not do it.
    pub(crate) fn check(&self, function: &str, action: &str, arn: &str) -> Result<(), String> {
        let statements = self.0.get(function).map_or(&[][..], Vec::as_slice);
        if statements.iter().any(|statement| statement.allows(action, arn)) {
            return Ok(());
        }
        Err(format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{function}/{function} is not authorized to perform: {action} \
             on resource: {arn} because no identity-based policy allows the {action} action"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_by_their_key() {
        let header = |key: &str| {
            format!("AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/dynamodb/aws4_request, SignedHeaders=host")
        };
        assert_eq!(
            caller(Some(&header("AKIALOCAL.login.7"))),
            Some(Caller { function: "login".into(), serial: Some(7) })
        );
        assert_eq!(caller(Some(&header("AKIALOCAL.login"))), Some(Caller { function: "login".into(), serial: None }));
        assert_eq!(caller(Some(&header("test"))), None);
        assert_eq!(caller(None), None);
    }

    #[test]
    fn only_what_the_template_names_is_allowed() {
        let statement =
            Statement { actions: vec!["dynamodb:GetItem".into()], resources: vec!["arn:t".into(), "arn:i/*".into()] };
        let policies = Policies(BTreeMap::from([("login".to_owned(), vec![statement])]));
        assert!(policies.check("login", "dynamodb:GetItem", "arn:t").is_ok());
        assert!(policies.check("login", "dynamodb:GetItem", "arn:i/x").is_ok());
        assert!(policies.check("login", "dynamodb:GetItem", "arn:t2").is_err());
        let denial = policies.check("login", "dynamodb:PutItem", "arn:t").unwrap_err();
        assert!(denial.contains("is not authorized to perform: dynamodb:PutItem on resource: arn:t"), "{denial}");
        assert!(policies.check("other", "dynamodb:GetItem", "arn:t").is_err());
    }
}
