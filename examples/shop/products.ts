import { file, form } from 'monobloc'
import { z } from 'zod'
import { endpoint, Photo, Product, resource } from './models.ts'

export const products = resource(Product, { at: '/products', include: ['photos'] })

export const addPhoto = endpoint('POST /products/:id/photos', {
  params: z.object({ id: z.coerce.number().int() }),
  body: form({ photo: file({ maxSize: 5 * 1024 ** 2, types: ['image/jpeg', 'image/png', 'image/webp'] }) }),
  returns: { 201: Photo },
  prepare: ({ body }) => body.photo.keep('photos'), // first the file, then the row that names it
  handle: ({ params, prepared, db }) => db.insert(Photo, { product: params.id, file: prepared }),
})
