use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::DELETE_DOCUMENTS, ai::delete_documents)
}
