//! Roles and what each may do. The one place where permissions are granted.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A permission, by the name that clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Language models.
    UseOpenAi,
    /// Image analysis and background removal.
    UseVision,
    /// Indexing and semantic search.
    UseEmbeddings,
    /// No AI rate limit.
    UnlimitedRequests,
    /// Making rooms.
    CreateRoom,
    /// Entering rooms.
    JoinRoom,
    /// Editing in rooms.
    EditDocument,
    /// Deleting rooms.
    DeleteRoom,
    /// Roles and states of users.
    ManageUsers,
    /// Usage of all users.
    ViewAnalytics,
    /// Settings of the deployment.
    SystemConfig,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::UseOpenAi,
        Self::UseVision,
        Self::UseEmbeddings,
        Self::UnlimitedRequests,
        Self::CreateRoom,
        Self::JoinRoom,
        Self::EditDocument,
        Self::DeleteRoom,
        Self::ManageUsers,
        Self::ViewAnalytics,
        Self::SystemConfig,
    ];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UseOpenAi => "ai:use_openai",
            Self::UseVision => "ai:use_vision",
            Self::UseEmbeddings => "ai:use_embeddings",
            Self::UnlimitedRequests => "ai:unlimited_requests",
            Self::CreateRoom => "collab:create_room",
            Self::JoinRoom => "collab:join_room",
            Self::EditDocument => "collab:edit_document",
            Self::DeleteRoom => "collab:delete_room",
            Self::ManageUsers => "admin:manage_users",
            Self::ViewAnalytics => "admin:view_analytics",
            Self::SystemConfig => "admin:system_config",
        }
    }
}

impl FromStr for Permission {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|permission| permission.name() == text);
        known.ok_or_else(|| Error::invalid("A scope is the name of a permission, such as ai:use_openai."))
    }
}

impl<'de> serde::Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a user is in this deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everyone who registers: AI and collaboration.
    User,
    /// Builds on Aura: also deletes rooms and has no AI rate limit (budgets still hold).
    Developer,
    /// Runs the deployment: everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Developer, Self::Admin];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
    }

    /// What this role may do.
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        const USER: [Permission; 6] =
            [P::UseOpenAi, P::UseVision, P::UseEmbeddings, P::CreateRoom, P::JoinRoom, P::EditDocument];
        const DEVELOPER: [Permission; 8] = [
            P::UseOpenAi,
            P::UseVision,
            P::UseEmbeddings,
            P::UnlimitedRequests,
            P::CreateRoom,
            P::JoinRoom,
            P::EditDocument,
            P::DeleteRoom,
        ];
        match self {
            Self::User => &USER,
            Self::Developer => &DEVELOPER,
            Self::Admin => &Permission::ALL,
        }
    }

    /// Whether this role may do that.
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }
}

impl FromStr for Role {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| Error::invalid("A role is user, developer or admin."))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_all_that_the_one_before_may() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[0].permissions().iter().all(|&p| pair[1].may(p)), "{pair:?}");
        }
        assert!(Permission::ALL.iter().all(|&p| Role::Admin.may(p)));
        assert!(!Role::Developer.may(Permission::ManageUsers));
    }

    #[test]
    fn names_survive_their_text() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
        assert!("Admin".parse::<Role>().is_err());
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse::<Permission>().unwrap(), permission);
        }
    }
}
