//! Asks the streams of one server one after another; one that fails does not hide the others.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::commands::query::error::{LookupError, Scope};
use crate::commands::query::{PostmarkQuery, Target, names};
use crate::cycle::unknown_name::unknown_stream;
use crate::model::{ServerName, StreamId};
use crate::text::sanitize::clean;

/// The number of streams without an answer after which the rest of a server is not asked.
const MAX_UNANSWERED: usize = 2;

/// What streams answered, and one line for each that gave no answer.
pub(crate) type StreamResults<T> = (Vec<T>, Vec<String>);

impl Target {
    /// Asks `wanted`, or all outbound streams, of which the list costs a request.
    ///
    /// # Errors
    /// Where `wanted` gave no answer, or there is no list.
    pub(crate) async fn query_streams<T>(
        &self,
        wanted: Option<&StreamId>,
        ask: impl AsyncFn(&StreamId) -> Result<T, LookupError>,
    ) -> Result<StreamResults<T>, LookupError> {
        let streams = match wanted {
            Some(stream) => vec![stream.clone()],
            None => self.streams().await?,
        };
        self.query_each(&streams, wanted.is_some(), ask).await
    }

    /// Asks `streams` one after another, and goes on after a failure that may concern one stream only. The failure of a
    /// stream that was named on the command line is that of the server.
    pub(crate) async fn query_each<T>(
        &self,
        streams: &[StreamId],
        by_name: bool,
        ask: impl AsyncFn(&StreamId) -> Result<T, LookupError>,
    ) -> Result<StreamResults<T>, LookupError> {
        let (mut found, mut errors, mut unanswered) = (Vec::new(), Vec::new(), 0);
        for (index, stream) in streams.iter().enumerate() {
            let error = match ask(stream).await {
                Ok(answer) => {
                    found.push(answer);
                    continue;
                }
                Err(error) if by_name => return Err(error),
                Err(error) => error,
            };
            errors.push(self.error_line(&error));
            unanswered += usize::from(error.scope == Scope::Unanswered);
            if error.scope == Scope::Server || unanswered == MAX_UNANSWERED {
                let rest = names(streams[index + 1..].iter().map(|stream| &stream.0));
                if !rest.is_empty() {
                    let name = clean(&self.name.0);
                    errors.push(format!("{name}: not asked after that: {rest}"));
                }
                break;
            }
        }
        Ok((found, errors))
    }

    pub(crate) fn error_line(&self, error: &LookupError) -> String {
        format!("{}: {error}", clean(&self.name.0))
    }

    async fn streams(&self) -> Result<Vec<StreamId>, LookupError> {
        let streams = self.api()?.streams().await?;
        Ok(streams.streams.into_iter().map(|s| s.id).collect())
    }
}

impl PostmarkQuery {
    /// Asks the wanted stream, or every stream, of every server. The errors of streams follow those of the servers that gave no
    /// answer.
    ///
    /// # Errors
    /// The exit code and the text, where no server has the stream.
    pub(crate) async fn query_streams<'q, T>(
        &'q self,
        ask: impl AsyncFn(&'q Target, &StreamId) -> Result<T, LookupError>,
    ) -> Result<StreamResults<T>, (u8, String)> {
        let all = self.query_all(async |server| {
            let ask = async |stream: &StreamId| ask(server, stream).await;
            server.query_streams(self.stream.as_ref(), ask).await
        });
        Ok(flatten(all.await?))
    }

    /// Says that the servers that were asked are `missing` the wanted stream; `None` where none is. One request for each of them.
    pub(crate) async fn describe_missing_stream(&self, missing: &[&Target]) -> Option<String> {
        let wanted = self.stream.as_ref().filter(|_| !missing.is_empty())?;
        let listed = join_all(missing.iter().map(|server| server.streams())).await;
        let listed: BTreeSet<StreamId> = listed.into_iter().flatten().flatten().collect();
        let servers: Vec<&ServerName> = missing.iter().map(|server| &server.name).collect();
        Some(unknown_stream(&servers, wanted, &listed))
    }
}

/// Joins the results of all servers, and their errors after those of the servers that gave no answer.
pub(crate) fn flatten<T>(
    (results, mut errors): (Vec<StreamResults<T>>, Vec<String>),
) -> StreamResults<T> {
    let (found, more): (Vec<Vec<T>>, Vec<Vec<String>>) = results.into_iter().unzip();
    errors.extend(more.into_iter().flatten());
    (found.into_iter().flatten().collect(), errors)
}
