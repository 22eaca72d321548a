import { fileURLToPath } from 'node:url'

/** Everyone in the comparison, with where its main file is and what a fresh install of it takes. */
export interface Peer {
  name: string
  /** As the documentation of each recommends it. */
  what: string
  main: string
  /** What an application installs; undefined where that is nothing but Node. */
  packages: readonly string[] | undefined
  /** How it writes the query of a page, where not `sort=-id&limit=20`. */
  page?: (sort: string) => string
  /** What it calls the reference to the author. */
  author: 'author' | 'authorId'
}

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const peer = (name: string, what: string, packages: string[]): Peer => ({
  name,
  what,
  main: here(`./peers/build/field/peers/${name}.js`),
  packages,
  author: 'authorId',
})

const nest = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/typeorm',
  'typeorm',
  'better-sqlite3',
  'reflect-metadata',
  'rxjs',
]
const validated = [...nest, 'class-validator', 'class-transformer']

export const peers: readonly Peer[] = [
  { ...peer('raw', 'node:http that answers constants of the same size', []), packages: undefined },
  peer('fastify', 'Fastify, better-sqlite3 by hand, JSON Schema', ['fastify', 'better-sqlite3']),
  peer('hono', 'Hono on Node, better-sqlite3 by hand, Zod', [
    'hono',
    '@hono/node-server',
    '@hono/zod-validator',
    'zod',
    'better-sqlite3',
  ]),
  peer('express-drizzle', 'Express, Drizzle, Zod', ['express', 'drizzle-orm', 'better-sqlite3', 'zod']),
  peer('express-prisma', 'Express, Prisma, Zod', [
    'express',
    '@prisma/client',
    'prisma',
    '@prisma/adapter-better-sqlite3',
    'zod',
  ]),
  peer('nest-express', 'NestJS on Express, TypeORM, class-validator', [...validated, '@nestjs/platform-express']),
  peer('nest-fastify', 'NestJS on Fastify, TypeORM, class-validator', [...validated, '@nestjs/platform-fastify']),
  peer('adonis', 'AdonisJS, Lucid, VineJS', [
    '@adonisjs/core',
    '@adonisjs/lucid',
    '@vinejs/vine',
    'luxon',
    'better-sqlite3',
    'reflect-metadata',
  ]),
  {
    ...peer('feathers', 'Feathers on Koa, Knex, its schemas', [
      '@feathersjs/feathers',
      '@feathersjs/koa',
      '@feathersjs/knex',
      '@feathersjs/schema',
      'knex',
      'better-sqlite3',
    ]),
    page: (sort) => `$sort[${sort}]=-1&$limit=20`,
  },
  {
    name: 'monobloc',
    what: 'Monobloc: resource, policies, ETag, commit log',
    main: here('./build/field/monobloc.js'),
    packages: ['monobloc'],
    author: 'author',
  },
]
