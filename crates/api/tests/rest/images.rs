//! Images: uploaded by digest, sent in parts.

use crate::rig::{Rig, image_yaml, refusal};
use reqwest::{Method, RequestBuilder};
use store::Grant;
use types::image::ImageSpec;
use types::{Digest, MachineId};
use uuid::Uuid;

const CONTENT: &[u8] = b"0123456789";

async fn declared() -> Rig {
    let rig = Rig::start().await;
    rig.apply(&image_yaml("debian", CONTENT)).await;
    rig
}

fn upload(rig: &Rig, content: impl Into<reqwest::Body>) -> RequestBuilder {
    rig.request(Method::PUT, "/api/v1/images/debian/content").body(content)
}

async fn size(rig: &Rig) -> Option<u64> {
    rig.client.find::<ImageSpec>("debian").await.unwrap().status.file_size_bytes
}

#[tokio::test]
async fn an_upload_is_taken_if_it_has_the_declared_digest() {
    let rig = declared().await;
    assert_eq!(refusal(upload(&rig, "something else")).await, (422, "digest_mismatch".to_owned()));
    assert_eq!(size(&rig).await, None);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CONTENT).unwrap();
    let (sent, seen) = std::sync::mpsc::channel();
    let image = rig.client.upload_image("debian", file.path(), move |bytes| sent.send(bytes).unwrap()).await.unwrap();
    assert_eq!(image.status.file_size_bytes, Some(10));
    assert_eq!(seen.iter().max(), Some(10));
    assert_eq!(upload(&rig, CONTENT).send().await.unwrap().status(), 200, "a second time changes nothing");
}

#[tokio::test]
async fn an_upload_beyond_the_limit_is_refused() {
    let rig = declared().await;
    assert_eq!(refusal(upload(&rig, vec![0; (1 << 20) + 1])).await, (413, "too_large".to_owned()));
    let unknown = rig.request(Method::PUT, "/api/v1/images/arch/content").body("x");
    assert_eq!(refusal(unknown).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let rig = declared().await;
    let pieces = futures_util::stream::iter([Ok(CONTENT[..5].to_vec()), Err(std::io::Error::other("unplugged"))]);
    upload(&rig, reqwest::Body::wrap_stream(pieces)).send().await.unwrap_err();
    assert_eq!(size(&rig).await, None);
    assert_eq!(rig.app.images.find(Digest::of(&CONTENT[..5])), None);
}

#[tokio::test]
async fn an_agent_gets_the_image_or_a_part_of_it() {
    let rig = declared().await;
    upload(&rig, CONTENT).send().await.unwrap();
    let token = rig.token_for(Grant::Agent { machine: MachineId::new(), boot_id: Uuid::nil() }).await;
    let digest = Digest::of(CONTENT);
    let tag = format!("\"{digest}\"");
    let get = |method: Method, headers: &[(&str, &str)]| {
        let request = rig.bare(method, &format!("/agent/v1/images/{digest}")).bearer_auth(token.expose());
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    for (headers, status, body, range) in [
        (&[][..], 200, "0123456789", None),
        (&[("range", "bytes=4-")], 206, "456789", Some("bytes 4-9/10")),
        (&[("range", "bytes=2-3"), ("if-range", tag.as_str())], 206, "23", Some("bytes 2-3/10")),
        (&[("range", "bytes=2-3"), ("if-range", "\"sha256:other\"")], 200, "0123456789", None),
        (&[("range", "bytes=0-1,4-5")], 200, "0123456789", None),
        (&[("if-none-match", tag.as_str())], 304, "", None),
    ] {
        let answer = get(Method::GET, headers).send().await.unwrap();
        assert_eq!(answer.status(), status, "{headers:?}");
        assert_eq!(answer.headers()["etag"], tag.as_str());
        assert_eq!(answer.headers().get("content-range").map(|range| range.to_str().unwrap()), range);
        assert_eq!(answer.text().await.unwrap(), body, "{headers:?}");
    }
    let head = get(Method::HEAD, &[]).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"10".parse().unwrap()));
    let beyond = get(Method::GET, &[("range", "bytes=10-")]).send().await.unwrap();
    assert_eq!((beyond.status().as_u16(), &beyond.headers()["content-range"]), (416, &"bytes */10".parse().unwrap()));
    let other = rig.bare(Method::GET, &format!("/agent/v1/images/{}", Digest::of(b"x"))).bearer_auth(token.expose());
    assert_eq!(refusal(other).await.0, 404);
}

#[tokio::test]
async fn content_goes_with_the_last_image_that_declares_it() {
    let rig = declared().await;
    rig.apply(&image_yaml("debian-2", CONTENT)).await;
    upload(&rig, CONTENT).send().await.unwrap();
    assert_eq!(rig.client.find::<ImageSpec>("debian-2").await.unwrap().status.file_size_bytes, Some(10));
    rig.client.delete::<ImageSpec>("debian", None).await.unwrap();
    assert!(rig.app.images.find(Digest::of(CONTENT)).is_some());
    rig.client.delete::<ImageSpec>("debian-2", None).await.unwrap();
    assert!(rig.app.images.find(Digest::of(CONTENT)).is_none());
}

#[tokio::test]
async fn an_image_whose_digest_changes_is_not_here_any_more() {
    let rig = declared().await;
    upload(&rig, CONTENT).send().await.unwrap();
    assert_eq!(size(&rig).await, Some(10));
    rig.apply(&image_yaml("debian", b"newer")).await;
    assert_eq!(size(&rig).await, None);
}
