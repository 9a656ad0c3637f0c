//! Lists of tables: `[[sink]]` and `[[quiet]]`.

use figment::value::{Dict, Value};

use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, Invalid};

impl Reader {
    /// Reads every table of the list `key` with `read`, and returns what is valid, each with its place as a problem names it. What is
    /// not valid is noted.
    pub(super) fn tables<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Dict) -> Result<T, Vec<Invalid>>,
    ) -> Vec<(String, T)> {
        let from = self.layers.origin(key).to_owned();
        let listed = match self.layers.merged.get(key).cloned() {
            None => return Vec::new(),
            Some(Value::Array(_, listed)) => listed,
            Some(other) => vec![other],
        };
        let mut tables = Vec::new();
        for (index, value) in listed.iter().enumerate() {
            let subject = format!("{from}: [[{key}]] number {}", index + 1);
            let read = match value {
                Value::Dict(_, table) => read(table),
                _ => {
                    let remedy = format!("write each as its own [[{key}]] table");
                    Err(vec![Invalid::new("is not a table", remedy)])
                }
            };
            match read {
                Ok(table) => tables.push((subject, table)),
                Err(problems) => {
                    let problem = |invalid| ConfigProblem::invalid(&subject, invalid);
                    self.problems.extend(problems.iter().map(problem));
                }
            }
        }
        tables
    }
}
