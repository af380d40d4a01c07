use aura_functions::{auth, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::REVOKE_API_KEY, auth::revoke_api_key)
}
