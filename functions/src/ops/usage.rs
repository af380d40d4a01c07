//! GET /api/usage: what was spent, by day, operation and model, and what is left.
//!
//! `?months=N` goes back N months, 1 to 12. `?user=ID` asks for somebody else, and for the totals of that user's tenant,
//! which takes admin:view_analytics.

use aura::auth::Permission;
use aura::budget::{MONTHS, Payer, Usage};
use aura::error::Refusal;
use aura::{App, Error, Result, UserId, store};
use serde::Serialize;

use crate::http::Call;

/// The answer, in US dollars.
#[derive(Debug, Serialize)]
pub struct Spending {
    user: UserId,
    #[serde(flatten)]
    usage: Usage,
    /// All users of the tenant together, for who may see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Usage>,
}

/// Reads the ledger; leases that have expired are booked on the way.
pub async fn usage(app: &App, call: Call<()>) -> Result<Spending> {
    let caller = call.caller.user()?;
    let analytics = caller.may(Permission::ViewAnalytics);
    let months = match call.query("months") {
        Some(text) => text.parse().ok().filter(|months| (1..=MONTHS).contains(months)),
        None => Some(1),
    };
    let months = months.ok_or_else(|| Error::invalid(format!("`months` is 1 to {MONTHS}.")))?;
    let payer = match call.query("user") {
        None => Payer { tenant: caller.user.tenant, user: caller.user.id },
        Some(id) => {
            let own = id == caller.user.id.to_string();
            if !own && !analytics {
                return Err(Error::Forbidden(Refusal::Permission(Permission::ViewAnalytics.name())));
            }
            let missing = || Error::NotFound { what: "user" };
            let id = id.parse().map_err(|_| missing())?;
            let user = store::user::by_id(&app.store, id).await?.ok_or_else(missing)?;
            Payer { tenant: user.tenant, user: user.id }
        }
    };
    let tenant =
        async { if analytics { app.budget.tenant_usage(payer.tenant, months).await.map(Some) } else { Ok(None) } };
    let (usage, tenant) = tokio::try_join!(app.budget.usage(payer, months), tenant)?;
    Ok(Spending { user: payer.user, usage, tenant })
}
