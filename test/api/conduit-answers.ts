export const invalid = (key: string, ...words: string[]) => ({ errors: { [key]: words } })
export const blank = (key: string) => invalid(key, "can't be blank")
export const noToken = invalid('token', 'is missing')
export const secrets = ['scrypt', '"password"']
