//! The small part that is ours between rusqlite and the store: migrations, types, readers.

use super::*;

fn database() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(&folder.path().join("test.sqlite")).unwrap();
    (folder, connection)
}

const FIRST: Migration = Migration { version: 1, sql: "CREATE TABLE things (name TEXT, size INTEGER)" };
const BROKEN: Migration = Migration { version: 2, sql: "CREATE TABLE more (name TEXT); CREATE NONSENSE" };

#[test]
fn a_change_of_the_schema_is_made_whole_or_not_at_all() {
    let (_folder, mut connection) = database();
    assert!(matches!(migrate(&mut connection, &[FIRST, BROKEN]), Err(NotMigrated::Failed(_))));
    let tables: Vec<String> =
        query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut connection).unwrap();
    assert_eq!(tables, ["things"]);
    migrate(&mut connection, &[FIRST]).unwrap();
}

#[test]
fn a_value_of_another_type_is_an_error_about_the_value() {
    let (_folder, mut connection) = database();
    migrate(&mut connection, &[FIRST]).unwrap();
    query("INSERT INTO things VALUES (?1, ?2)").bind("a".to_owned()).bind(1_i64).execute(&mut connection).unwrap();
    let row = query("SELECT name, size FROM things").fetch_one(&mut connection).unwrap();
    assert_eq!((row.text("name").unwrap(), row.get::<i64>("size").unwrap()), ("a", 1));
    assert!(row::is_about_a_value(&row.get::<i64>("name").unwrap_err()));
    assert!(row::is_about_a_value(&row.text("size").unwrap_err()));
    assert!(!row::is_about_a_value(&row.text("colour").unwrap_err()));
}

#[tokio::test]
async fn readers_see_what_was_committed_and_can_change_nothing() {
    let (folder, mut connection) = database();
    migrate(&mut connection, &[FIRST]).unwrap();
    let readers = std::sync::Arc::new(Readers::of(&folder.path().join("test.sqlite")));
    let insert = || query("INSERT INTO things VALUES ('a', 1)");
    insert().execute(&mut connection).unwrap();
    assert_eq!(query("SELECT * FROM things").fetch_at_length(readers.clone(), Ok).await.unwrap().len(), 1);
    assert!(insert().execute(&*readers).is_err());
    readers.close();
    assert!(query("SELECT * FROM things").fetch_all(&*readers).is_err());
}
