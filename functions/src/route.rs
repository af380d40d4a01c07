//! The endpoint table: what every function asks of its callers, and of its deployment, before any work.
//!
//! `serve::http` takes a [`Route`], so a function without an entry does not compile; a test holds this table,
//! template.yaml and the binaries together.

use aura::Need;
use aura::auth::Permission;
use aura::limits::Action;

/// One endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The function's name: binary, event and, in CamelCase with `Function`, resource.
    pub name: &'static str,
    /// The HTTP method; empty for the catch-all.
    pub method: &'static str,
    /// The path; empty for the catch-all.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What is counted.
    pub limit: Limit,
    /// State that it opens.
    pub needs: &'static [Need],
    /// What its body may be.
    pub body: Body,
    /// What a success is.
    pub success: Success,
    /// Whether it spends or makes something, so that an `Idempotency-Key` is heeded.
    pub repeatable: bool,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Anyone who is signed in.
    SignedIn,
    /// Anyone who is signed in with a token, not a key: what a program has no business with.
    InPerson,
    /// Anyone who is signed in and has the permission; a key, also among its scopes.
    May(Permission),
    /// Both: in person, with the permission.
    InPersonMay(Permission),
}

/// What is counted against which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing: probes and public keys, which cost no write. The gateway's own throttle holds.
    None,
    /// Failures, by the domain function itself, which knows the account.
    Failures,
    /// Every request, by user.
    Requests(Action),
}

/// What a request's body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Not looked at.
    None,
    /// JSON of at most this many bytes.
    Json(usize),
    /// JSON with an image in it, of at most this many bytes; larger images are uploaded first.
    Image(usize),
}

/// What a success is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// Something was answered or changed.
    Ok,
    /// Something was made.
    Created,
    /// Something was done, or will be: then the answer begins with the id of a job.
    OkOrAccepted,
    /// Something was answered that anyone may keep for so many seconds.
    Cacheable(u32),
}

const KIB: usize = 1_024;

const PUBLIC: Route = Route {
    name: "",
    method: "GET",
    path: "",
    access: Access::Public,
    limit: Limit::None,
    needs: &[],
    body: Body::None,
    success: Success::Ok,
    repeatable: false,
};

const SIGN_IN: Route = Route {
    method: "POST",
    limit: Limit::Failures,
    needs: &[Need::Identity, Need::Ephemeral, Need::SigningKey],
    body: Body::Json(4 * KIB),
    ..PUBLIC
};

const SIGNED_IN: Route = Route {
    access: Access::SignedIn,
    limit: Limit::Requests(Action::Other),
    needs: &[Need::Identity, Need::Ephemeral],
    ..PUBLIC
};

const TEXT_AI: Route = Route {
    method: "POST",
    access: Access::May(Permission::UseOpenAi),
    limit: Limit::Requests(Action::Ai),
    needs: &[Need::Identity, Need::Ephemeral, Need::Providers],
    body: Body::Json(64 * KIB),
    repeatable: true,
    ..PUBLIC
};

/// Lambda ends an event at 6 MiB: what is left of that beside headers and the gateway's own words.
const EVENT: usize = 6 * 1_024 * KIB - 64 * KIB;

const IMAGE_AI: Route = Route {
    access: Access::May(Permission::UseVision),
    needs: &[Need::Identity, Need::Ephemeral, Need::Providers, Need::Uploads],
    body: Body::Image(EVENT),
    ..TEXT_AI
};

const ROOM: Route = Route {
    access: Access::May(Permission::JoinRoom),
    needs: &[Need::Identity, Need::Ephemeral, Need::Rooms],
    ..SIGNED_IN
};

const SEARCHING: Route = Route {
    access: Access::May(Permission::UseEmbeddings),
    limit: Limit::Requests(Action::Search),
    needs: &[Need::Identity, Need::Ephemeral, Need::Vectors, Need::Providers],
    ..PUBLIC
};

/// POST /api/auth/register
pub const REGISTER: Route =
    Route { name: "register", path: "/api/auth/register", success: Success::Created, ..SIGN_IN };
/// POST /api/auth/login
pub const LOGIN: Route = Route { name: "login", path: "/api/auth/login", ..SIGN_IN };
/// POST /api/auth/refresh
pub const REFRESH: Route = Route { name: "refresh", path: "/api/auth/refresh", ..SIGN_IN };
/// POST /api/auth/logout
pub const LOGOUT: Route =
    Route { name: "logout", method: "POST", path: "/api/auth/logout", access: Access::InPerson, ..SIGNED_IN };
/// GET /api/auth/verify
pub const VERIFY: Route = Route { name: "verify", path: "/api/auth/verify", ..SIGNED_IN };
/// GET /.well-known/jwks.json
pub const JWKS: Route = Route {
    name: "jwks",
    path: "/.well-known/jwks.json",
    needs: &[Need::Identity],
    success: Success::Cacheable(60),
    ..PUBLIC
};
/// POST /api/auth/api-keys
pub const CREATE_API_KEY: Route = Route {
    name: "create-api-key",
    method: "POST",
    path: "/api/auth/api-keys",
    access: Access::InPerson,
    body: Body::Json(4 * KIB),
    success: Success::Created,
    repeatable: true,
    ..SIGNED_IN
};
/// GET /api/auth/api-keys
pub const LIST_API_KEYS: Route =
    Route { name: "list-api-keys", path: "/api/auth/api-keys", access: Access::InPerson, ..SIGNED_IN };
/// DELETE /api/auth/api-keys/{id}
pub const REVOKE_API_KEY: Route = Route {
    name: "revoke-api-key",
    method: "DELETE",
    path: "/api/auth/api-keys/{id}",
    access: Access::InPerson,
    ..SIGNED_IN
};
/// PUT /api/admin/users/{id}/role
pub const SET_USER_ROLE: Route = Route {
    name: "set-user-role",
    method: "PUT",
    path: "/api/admin/users/{id}/role",
    access: Access::InPersonMay(Permission::ManageUsers),
    body: Body::Json(KIB),
    ..SIGNED_IN
};
/// POST /api/ai/generate-form
pub const GENERATE_FORM: Route = Route { name: "generate-form", path: "/api/ai/generate-form", ..TEXT_AI };
/// POST /api/ai/enhance-query
pub const ENHANCE_QUERY: Route =
    Route { name: "enhance-query", path: "/api/ai/enhance-query", body: Body::Json(8 * KIB), ..TEXT_AI };
/// POST /api/ai/summarize
pub const SUMMARIZE: Route =
    Route { name: "summarize", path: "/api/ai/summarize", body: Body::Json(512 * KIB), ..TEXT_AI };
/// POST /api/ai/complete-code
pub const COMPLETE_CODE: Route =
    Route { name: "complete-code", path: "/api/ai/complete-code", body: Body::Json(128 * KIB), ..TEXT_AI };
/// POST /api/ai/analyze-image
pub const ANALYZE_IMAGE: Route = Route { name: "analyze-image", path: "/api/ai/analyze-image", ..IMAGE_AI };
/// POST /api/ai/describe-image
pub const DESCRIBE_IMAGE: Route = Route { name: "describe-image", path: "/api/ai/describe-image", ..IMAGE_AI };
/// POST /api/ai/remove-background
pub const REMOVE_BACKGROUND: Route = Route { name: "remove-background", path: "/api/ai/remove-background", ..IMAGE_AI };
/// POST /api/uploads
pub const CREATE_UPLOAD: Route = Route {
    name: "create-upload",
    method: "POST",
    path: "/api/uploads",
    access: Access::May(Permission::UseVision),
    limit: Limit::Requests(Action::Upload),
    needs: &[Need::Identity, Need::Ephemeral, Need::Uploads],
    body: Body::Json(KIB),
    success: Success::Created,
    repeatable: true,
};
/// POST /api/rooms
pub const CREATE_ROOM: Route = Route {
    name: "create-room",
    method: "POST",
    path: "/api/rooms",
    access: Access::May(Permission::CreateRoom),
    body: Body::Json(512 * KIB),
    success: Success::Created,
    repeatable: true,
    ..ROOM
};
/// GET /api/rooms
pub const LIST_ROOMS: Route = Route { name: "list-rooms", path: "/api/rooms", ..ROOM };
/// DELETE /api/rooms/{id}
pub const DELETE_ROOM: Route = Route {
    name: "delete-room",
    method: "DELETE",
    path: "/api/rooms/{id}",
    needs: &[Need::Identity, Need::Ephemeral, Need::Rooms, Need::Posts, Need::FanOut],
    ..ROOM
};
/// POST /api/rooms/{id}/ticket
pub const CREATE_ROOM_TICKET: Route = Route {
    name: "create-room-ticket",
    method: "POST",
    path: "/api/rooms/{id}/ticket",
    limit: Limit::Requests(Action::Door),
    needs: &[Need::Identity, Need::Ephemeral, Need::Rooms, Need::Address],
    ..ROOM
};
/// GET /api/rooms/{id}/snapshot
pub const GET_ROOM_SNAPSHOT: Route =
    Route { name: "get-room-snapshot", path: "/api/rooms/{id}/snapshot", limit: Limit::Requests(Action::Door), ..ROOM };
/// PUT /api/rooms/{id}/members/{userId}
pub const SET_ROOM_MEMBER: Route = Route {
    name: "set-room-member",
    method: "PUT",
    path: "/api/rooms/{id}/members/{userId}",
    body: Body::Json(KIB),
    needs: &[Need::Identity, Need::Ephemeral, Need::Rooms, Need::Posts, Need::FanOut],
    ..ROOM
};
/// POST /api/ai/index-documents
pub const INDEX_DOCUMENTS: Route = Route {
    name: "index-documents",
    method: "POST",
    path: "/api/ai/index-documents",
    limit: Limit::Requests(Action::Ai),
    needs: &[Need::Identity, Need::Ephemeral, Need::Vectors, Need::IndexWorker, Need::Providers],
    body: Body::Json(4 * KIB * KIB),
    success: Success::OkOrAccepted,
    repeatable: true,
    ..SEARCHING
};
/// GET /api/ai/index-jobs/{id}
pub const INDEX_JOB: Route = Route {
    name: "index-job",
    path: "/api/ai/index-jobs/{id}",
    needs: &[Need::Identity, Need::Ephemeral, Need::Vectors],
    ..SEARCHING
};
/// DELETE /api/ai/documents
pub const DELETE_DOCUMENTS: Route = Route {
    name: "delete-documents",
    method: "DELETE",
    path: "/api/ai/documents",
    limit: Limit::Requests(Action::Other),
    body: Body::Json(512 * KIB),
    ..SEARCHING
};
/// POST /api/ai/search
pub const SEARCH: Route =
    Route { name: "search", method: "POST", path: "/api/ai/search", body: Body::Json(64 * KIB), ..SEARCHING };
/// GET /api/usage
pub const USAGE: Route = Route { name: "usage", path: "/api/usage", ..SIGNED_IN };
/// GET /health
pub const HEALTH: Route = Route { name: "health", path: "/health", needs: &[Need::Providers], ..PUBLIC };
/// GET /ready
pub const READY: Route = Route { name: "ready", path: "/ready", needs: &[Need::Identity, Need::Providers], ..PUBLIC };
/// Whatever no other route takes.
pub const NO_ROUTE: Route = Route { name: "no-route", method: "", ..PUBLIC };

/// Every endpoint.
pub const ALL: [Route; 32] = [
    REGISTER,
    LOGIN,
    REFRESH,
    LOGOUT,
    VERIFY,
    JWKS,
    CREATE_API_KEY,
    LIST_API_KEYS,
    REVOKE_API_KEY,
    SET_USER_ROLE,
    GENERATE_FORM,
    ENHANCE_QUERY,
    SUMMARIZE,
    COMPLETE_CODE,
    ANALYZE_IMAGE,
    DESCRIBE_IMAGE,
    REMOVE_BACKGROUND,
    CREATE_UPLOAD,
    CREATE_ROOM,
    LIST_ROOMS,
    DELETE_ROOM,
    CREATE_ROOM_TICKET,
    GET_ROOM_SNAPSHOT,
    SET_ROOM_MEMBER,
    INDEX_DOCUMENTS,
    INDEX_JOB,
    DELETE_DOCUMENTS,
    SEARCH,
    USAGE,
    HEALTH,
    READY,
    NO_ROUTE,
];

/// The methods that a path takes, as an `Allow` header has them; empty for a path that does not exist.
pub fn methods(path: &str) -> String {
    let methods: Vec<_> = ALL.iter().filter(|route| is_match(route.path, path)).map(|route| route.method).collect();
    methods.join(", ")
}

/// Whether `path` is one that `template` describes, where `{name}` stands for one segment.
fn is_match(template: &str, path: &str) -> bool {
    let same =
        |(pattern, segment): (&str, &str)| pattern == segment || (pattern.starts_with('{') && !segment.is_empty());
    !template.is_empty()
        && template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_segment() {
        assert!(is_match("/api/rooms/{id}", "/api/rooms/7"));
        assert!(!is_match("/api/rooms/{id}", "/api/rooms/"));
        assert!(!is_match("/api/rooms/{id}", "/api/rooms/7/members"));
        assert_eq!(methods("/api/auth/login"), "POST");
        assert_eq!(methods("/API/auth/login"), "");
        assert_eq!(methods(""), "");
    }

    #[test]
    fn row_26_only_these_routes_are_public() {
        let public: Vec<_> = ALL.iter().filter(|r| r.access == Access::Public).map(|r| r.name).collect();
        assert_eq!(public, ["register", "login", "refresh", "jwks", "health", "ready", "no-route"]);
    }

    #[test]
    fn only_posts_of_signed_in_users_are_repeatable() {
        for route in ALL.iter().filter(|route| route.repeatable) {
            assert!(route.method == "POST" && route.access != Access::Public, "{}", route.name);
        }
    }

    #[test]
    fn who_is_signed_in_is_counted_by_user() {
        for route in ALL {
            let counted = matches!(route.limit, Limit::Requests(_));
            assert_eq!(route.access != Access::Public, counted, "{}", route.name);
        }
    }
}
