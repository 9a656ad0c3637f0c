//! The ping by which somebody else notices that hushwatch itself went silent.

use std::time::Duration;

use crate::secret::Secret;

/// A dead man's switch answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Asks for `url` once.
///
/// # Errors
/// Where no answer came or it was no success; the text does not hold the URL, which is a secret.
pub async fn ping(url: &Secret) -> Result<(), String> {
    crate::postmark::install_tls_provider();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(3))
        .build();
    let client = client.map_err(|_| "the heartbeat's client cannot be made".to_owned())?;
    match client.get(url.expose()).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!(
            "the heartbeat was answered with {}; check `heartbeat.url`",
            answer.status().as_u16()
        )),
        Err(error) if error.is_timeout() => {
            Err("the heartbeat was not answered in time".to_owned())
        }
        Err(_) => {
            Err("the heartbeat could not be sent; check `heartbeat.url` and the network".to_owned())
        }
    }
}
