use aura_functions::{auth, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::LIST_API_KEYS, auth::list_api_keys)
}
