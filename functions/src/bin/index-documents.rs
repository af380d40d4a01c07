use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::INDEX_DOCUMENTS, ai::index_documents)
}
