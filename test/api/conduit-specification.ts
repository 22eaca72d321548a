/**
 * What the specification of the RealWorld API (2.0.0) says: every operation, with the statuses that it describes. There
 * 422 is also any error that is not expected, which our document calls `default`.
 */
export const conduitSpecification: Record<string, number[]> = {
  'POST /users/login': [200, 401, 422],
  'POST /users': [201, 409, 422],
  'GET /user': [200, 401, 422],
  'PUT /user': [200, 401, 422],
  'GET /profiles/{username}': [200, 401, 404, 422],
  'POST /profiles/{username}/follow': [200, 401, 404, 422],
  'DELETE /profiles/{username}/follow': [200, 401, 404, 422],
  'GET /articles/feed': [200, 401, 422],
  'GET /articles': [200, 401, 422],
  'POST /articles': [201, 401, 409, 422],
  'GET /articles/{slug}': [200, 404, 422],
  'PUT /articles/{slug}': [200, 401, 403, 404, 422],
  'DELETE /articles/{slug}': [204, 401, 403, 404, 422],
  'GET /articles/{slug}/comments': [200, 401, 404, 422],
  'POST /articles/{slug}/comments': [201, 401, 404, 422],
  'DELETE /articles/{slug}/comments/{id}': [204, 401, 403, 404, 422],
  'POST /articles/{slug}/favorite': [200, 401, 404, 422],
  'DELETE /articles/{slug}/favorite': [200, 401, 404, 422],
  'GET /tags': [200, 422],
}

/** Those that need an identity. */
export const conduitSecured = [
  'GET /user',
  'PUT /user',
  'POST /profiles/{username}/follow',
  'DELETE /profiles/{username}/follow',
  'GET /articles/feed',
  'POST /articles',
  'PUT /articles/{slug}',
  'DELETE /articles/{slug}',
  'POST /articles/{slug}/comments',
  'DELETE /articles/{slug}/comments/{id}',
  'POST /articles/{slug}/favorite',
  'DELETE /articles/{slug}/favorite',
]
