import 'reflect-metadata'
import {
  Body,
  Controller,
  Get,
  Injectable,
  Module,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
  ValidationPipe,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm'
import { Type } from 'class-transformer'
import { IsIn, IsInt, IsOptional, IsString, Length, Max, MaxLength, Min } from 'class-validator'
import {
  Column,
  Entity,
  Index,
  JoinColumn,
  JoinTable,
  ManyToMany,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  Repository,
} from 'typeorm'

@Entity('author')
class Author {
  @PrimaryGeneratedColumn() id!: number
  @Column('text') name!: string
  @Column('text') email!: string
}

@Entity('item')
@Index(['status', 'createdAt'])
class Item {
  @PrimaryGeneratedColumn() id!: number
  @Column('text') title!: string
  @Column('text') body!: string
  @Column('text') status!: string
  @Column('integer') authorId!: number
  @ManyToOne(() => Author) @JoinColumn({ name: 'authorId' }) author?: Author
  @Column('text') createdAt!: string
}

@Entity('writer')
class Writer {
  @PrimaryGeneratedColumn() id!: number
  @Column('text') username!: string
  @Column('text', { nullable: true }) bio!: string | null
  @Column('text', { nullable: true }) image!: string | null
}

@Entity('tag')
class Tag {
  @PrimaryGeneratedColumn() id!: number
  @Column('text') name!: string
}

@Entity('article')
class Article {
  @PrimaryGeneratedColumn() id!: number
  @Column('text') slug!: string
  @Column('text') title!: string
  @Column('text') description!: string
  @Column('text', { select: false }) body!: string
  @Column('integer') authorId!: number
  @ManyToOne(() => Writer) @JoinColumn({ name: 'authorId' }) author!: Writer
  @ManyToMany(() => Tag)
  @JoinTable({ name: 'article_tag', joinColumn: { name: 'articleId' }, inverseJoinColumn: { name: 'tagId' } })
  tags!: Tag[]
  @Column('text') createdAt!: string
  @Column('text') updatedAt!: string
}

@Entity('favorite')
class Favorite {
  @PrimaryColumn('integer') articleId!: number
  @PrimaryColumn('integer') writerId!: number
}

class ListItems {
  @IsOptional() @IsIn(['author']) include?: string
  @IsOptional() @IsIn(['open', 'closed', 'draft']) status?: string
  @IsOptional() @IsIn(['-id', '-createdAt']) sort?: string
  @Type(() => Number) @IsInt() @Min(1) @Max(100) limit = 20
}

class CreateItem {
  @IsString() @Length(1, 200) title!: string
  @IsString() @MaxLength(10_000) body!: string
  @IsIn(['open', 'closed', 'draft']) status!: string
  @IsInt() @Min(1) authorId!: number
}

@Injectable()
class ItemsService {
  constructor(@InjectRepository(Item) private readonly items: Repository<Item>) {}

  async one(id: number) {
    const item = await this.items.findOneBy({ id })
    if (!item) throw new NotFoundException()
    return item
  }

  list({ include, status, sort, limit }: ListItems) {
    return this.items.find({
      where: status === undefined ? {} : { status },
      order: sort === '-createdAt' ? { createdAt: 'DESC' } : { id: 'DESC' },
      take: limit,
      relations: include === undefined ? {} : { author: true },
    })
  }

  create(given: CreateItem) {
    return this.items.save({ ...given, createdAt: new Date().toISOString() })
  }
}

@Injectable()
class ArticlesService {
  constructor(
    @InjectRepository(Article) private readonly articles: Repository<Article>,
    @InjectRepository(Favorite) private readonly favorites: Repository<Favorite>,
  ) {}

  async list(limit: number) {
    const [found, articlesCount] = await this.articles.findAndCount({
      order: { createdAt: 'DESC', id: 'DESC' },
      take: limit,
      relations: { author: true, tags: true },
    })
    const counts = await this.favorites
      .createQueryBuilder('f')
      .select('f.articleId', 'articleId')
      .addSelect('count(*)', 'count')
      .where('f.articleId in (:...ids)', { ids: found.map(({ id }) => id) })
      .groupBy('f.articleId')
      .getRawMany<{ articleId: number; count: number }>()
    const countOf = new Map(counts.map(({ articleId, count }) => [articleId, Number(count)]))
    const articles = found.map(({ id, authorId: _, author, tags, ...rest }) => ({
      ...rest,
      tagList: tags.map(({ name }) => name).sort(),
      favorited: false,
      favoritesCount: countOf.get(id) ?? 0,
      author: { username: author.username, bio: author.bio, image: author.image, following: false },
    }))
    return { articles, articlesCount }
  }
}

@Controller()
class AppController {
  constructor(
    private readonly items: ItemsService,
    private readonly articles: ArticlesService,
  ) {}

  @Get()
  hello() {
    return { hello: 'world' }
  }

  @Get('items/:id')
  item(@Param('id', ParseIntPipe) id: number) {
    return this.items.one(id)
  }

  @Get('items')
  list(@Query() query: ListItems) {
    return this.items.list(query)
  }

  @Post('items')
  create(@Body() given: CreateItem) {
    return this.items.create(given)
  }

  @Get('articles')
  feed(@Query() { limit }: ListItems) {
    return this.articles.list(limit)
  }
}

const entities = [Author, Item, Writer, Tag, Article, Favorite]

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: process.argv[2]!,
      entities,
      enableWAL: true,
      prepareDatabase: (db: { pragma(text: string): void }) => db.pragma('synchronous = FULL'),
    } as never),
    TypeOrmModule.forFeature(entities),
  ],
  controllers: [AppController],
  providers: [ItemsService, ArticlesService],
})
class AppModule {}

export async function startNest(on: 'express' | 'fastify'): Promise<void> {
  const app =
    on === 'express'
      ? await NestFactory.create(AppModule, { logger: false })
      : await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false })
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }))
  await app.listen(0, '127.0.0.1')
  process.send!({ port: app.getHttpServer().address().port })
  process.on('disconnect', () => process.exit())
  process.on('SIGTERM', () => process.exit())
}
